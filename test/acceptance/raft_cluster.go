//go:build unix

package acceptance

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"vault-plugin-secrets-processmaker/test/freeport"

	"github.com/hashicorp/vault/api"
)

// RaftCluster is a number of Vault servers with one storage between them.
type RaftCluster struct {
	Nodes []*Server // in the order of their start; any may be the active one
}

// StartRaftCluster starts so many nodes on this machine and returns once all of
// them have a vote. A port may be taken by someone else before its node has it:
// a second and a third cluster start on other ports, in folders of their own.
func StartRaftCluster(config ServerConfig, nodes int) (*RaftCluster, error) {
	return startRaftCluster(config, nodes, freeport.Choose)
}

func startRaftCluster(config ServerConfig, nodes int, choosePort func() (int, error)) (*RaftCluster, error) {
	var failures []error
	for try := range 3 {
		again := config
		again.Dir = filepath.Join(config.Dir, fmt.Sprintf("c%d", try))
		addresses, err := chooseRaftAddresses(nodes, choosePort)
		if err != nil {
			return nil, err
		}
		cluster := &RaftCluster{}
		if err := cluster.start(again, addresses); err == nil {
			return cluster, nil
		} else {
			failures = append(failures, err)
		}
		cluster.kill()
	}
	return nil, errors.Join(failures...)
}

func chooseRaftAddresses(nodes int, choosePort func() (int, error)) ([]raftAddresses, error) {
	addresses := make([]raftAddresses, nodes)
	for i := range addresses {
		var err error
		if addresses[i].api, err = choosePort(); err != nil {
			return nil, err
		}
		if addresses[i].cluster, err = choosePort(); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// start starts a node at each of the addresses. After an error some of them may
// run.
func (c *RaftCluster) start(config ServerConfig, addresses []raftAddresses) error {
	for i := range addresses {
		node, err := newRaftNode(config, i, addresses)
		if err != nil {
			return err
		}
		if err := node.startRaft(); err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, node)
		first := c.Nodes[0]
		if i == 0 {
			if err := first.initialise(); err != nil {
				return err
			}
			if err := first.waitFor(admitSoon); err != nil {
				return err
			}
			continue
		}
		node.RootToken, node.raft.unsealKey = first.RootToken, first.raft.unsealKey
		if err := node.unseal(); err != nil {
			return err
		}
	}
	return c.Nodes[0].waitFor(func(client *api.Client) error { return allVote(client, len(addresses)) })
}

// admitSoon lets a node that has joined vote after a second instead of ten.
func admitSoon(client *api.Client) error {
	_, err := client.Logical().Write("sys/storage/raft/autopilot/configuration", map[string]any{"server_stabilization_time": "1s"})
	return err
}

// allVote is an error as long as a node has no vote: the others could not elect
// another one without it.
func allVote(client *api.Client, nodes int) error {
	state, err := client.Sys().RaftAutopilotState()
	if err != nil {
		return err
	}
	if state == nil || len(state.Voters) < nodes {
		return errors.New("not every node has a vote yet")
	}
	return nil
}

// Active waits until one of the nodes is the active one.
func (c *RaftCluster) Active() (*Server, error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		for _, node := range c.Nodes {
			if node.isActive() {
				return node, nil
			}
		}
	}
	return nil, fmt.Errorf("no node became the active one within %s", startTimeout)
}

func (c *RaftCluster) kill() {
	for _, node := range c.Nodes {
		node.Kill()
	}
}
