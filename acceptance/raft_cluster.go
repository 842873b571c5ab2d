//go:build unix

package acceptance

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"
)

// RaftCluster is a number of Vault servers with one storage between them.
type RaftCluster struct {
	Nodes []*Server // in the order of their start; any may be the active one
}

// StartRaftCluster starts so many nodes on this machine and returns once all of
// them have a vote.
func StartRaftCluster(config ServerConfig, nodes int) (cluster *RaftCluster, err error) {
	cluster = &RaftCluster{}
	defer func() {
		if err != nil {
			cluster.kill()
		}
	}()
	addresses := make([]raftAddresses, nodes)
	for i := range addresses {
		if addresses[i].api, err = FreePort(); err != nil {
			return nil, err
		}
		if addresses[i].cluster, err = FreePort(); err != nil {
			return nil, err
		}
	}
	for i := range addresses {
		node, err := newRaftNode(config, i, addresses)
		if err != nil {
			return nil, err
		}
		if err := node.startRaft(); err != nil {
			return nil, err
		}
		cluster.Nodes = append(cluster.Nodes, node)
		first := cluster.Nodes[0]
		if i == 0 {
			if err := first.initialise(); err != nil {
				return nil, err
			}
			if err := first.waitFor(admitSoon); err != nil {
				return nil, err
			}
			continue
		}
		node.RootToken, node.raft.unsealKey = first.RootToken, first.raft.unsealKey
		if err := node.unseal(); err != nil {
			return nil, err
		}
	}
	return cluster, cluster.Nodes[0].waitFor(func(client *api.Client) error { return allVote(client, nodes) })
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
