//go:build unix

package acceptance

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// raftNode is what a server needs to start again on its own storage.
type raftNode struct {
	settings  string // file
	unsealKey string
}

// raftAddresses are where one node listens.
type raftAddresses struct{ api, cluster int }

// newRaftNode lays out the files of one node of a cluster.
func newRaftNode(config ServerConfig, number int, all []raftAddresses) (*Server, error) {
	config.Dir = filepath.Join(config.Dir, fmt.Sprintf("n%d", number))
	s, err := newServer(config)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(config.Dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	own := all[number]
	s.Address = fmt.Sprintf("http://127.0.0.1:%d", own.api)
	var joins strings.Builder
	for i, other := range all {
		if i != number {
			fmt.Fprintf(&joins, "  retry_join { leader_api_addr = \"http://127.0.0.1:%d\" }\n", other.api)
		}
	}
	s.raft = &raftNode{settings: filepath.Join(config.Dir, "settings.hcl")}
	// The multiplier halves the seconds that an election takes by default, and
	// leaves room for machines that are busy with several nodes.
	settings := fmt.Sprintf(`
storage "raft" {
  path                   = %q
  node_id                = "node-%d"
  performance_multiplier = 2
%s}
listener "tcp" {
  address         = "127.0.0.1:%d"
  cluster_address = "127.0.0.1:%d"
  tls_disable     = true
}
api_addr             = %q
cluster_addr         = "https://127.0.0.1:%d"
plugin_directory     = %q
disable_mlock        = true
raw_storage_endpoint = true
`, data, number, joins.String(), own.api, own.cluster, s.Address, own.cluster, s.PluginDir)
	return s, os.WriteFile(s.raft.settings, []byte(settings), 0o600)
}

// startRaft starts the node's process; it is sealed then.
func (s *Server) startRaft() error {
	answers := func(client *api.Client) error {
		_, err := client.Sys().SealStatus()
		return err
	}
	// Its port may be in use for a moment by a connection of somebody else.
	var err error
	for range 3 {
		if err = s.start(answers, []string{"-config=" + s.raft.settings}); err == nil {
			return nil
		}
	}
	return err
}

// Restart starts a killed node again and unseals it. It returns once the node is
// part of its cluster, as the active node or not.
func (s *Server) Restart() error {
	if s.raft == nil {
		return errors.New("a server whose storage is in memory loses everything with its process")
	}
	if err := s.startRaft(); err != nil {
		return err
	}
	return s.unseal()
}

// unseal opens the node and waits until it takes requests. A node that is about
// to join a cluster learns only from the others that there is something to unseal.
func (s *Server) unseal() error {
	return s.waitFor(func(client *api.Client) error {
		status, err := client.Sys().SealStatus()
		if err != nil {
			return err
		}
		if status.Sealed {
			if _, err := client.Sys().Unseal(s.raft.unsealKey); err != nil {
				return err
			}
		}
		health, err := client.Sys().Health()
		switch {
		case err != nil:
			return err
		case health.Sealed || !health.Initialized:
			return errors.New("the node is sealed")
		}
		leader, err := client.Sys().Leader()
		switch {
		case err != nil:
			return err
		case leader.LeaderAddress == "":
			return errors.New("the node knows no active node")
		}
		return nil
	})
}

// waitActive waits until the node does the work. It may have that name before it
// has its mounts.
func (s *Server) waitActive() error {
	return s.waitFor(func(client *api.Client) error {
		health, err := client.Sys().Health()
		switch {
		case err != nil:
			return err
		case health.Sealed || health.Standby || !s.isActive():
			return errors.New("the node is not the active one")
		}
		return nil
	})
}

// initialise makes the storage of a new cluster on this node.
func (s *Server) initialise() error {
	var err error
	if s.raft.unsealKey, err = s.makeKeys(); err != nil {
		return err
	}
	if err := s.unseal(); err != nil {
		return err
	}
	return s.waitFor(s.register)
}

// register puts the plugin into the catalog.
func (s *Server) register(client *api.Client) error {
	binary, err := os.ReadFile(filepath.Join(s.PluginDir, PluginName))
	if err != nil {
		return err
	}
	return client.Sys().RegisterPlugin(&api.RegisterPluginInput{
		Name:    PluginName,
		Type:    api.PluginTypeSecrets,
		Command: PluginName,
		SHA256:  fmt.Sprintf("%x", sha256.Sum256(binary)),
	})
}

// isActive says whether this node is the one that does the work.
func (s *Server) isActive() bool {
	client, err := s.NewClient(nil)
	if err != nil {
		return false
	}
	client.SetClientTimeout(5 * time.Second)
	leader, err := client.Sys().Leader()
	return err == nil && leader.IsSelf
}
