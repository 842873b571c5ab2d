package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/attempts"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/eventqueue"
	"vault-plugin-secrets-processmaker/internal/health"
	"vault-plugin-secrets-processmaker/internal/inflight"
	"vault-plugin-secrets-processmaker/internal/keylock"
)

// The places in storage. What a cluster makes with its own readers stays with
// it; config and roles are replicated.
const (
	configKey       = "config"
	rolePrefix      = "role/"
	sessionPrefix   = "session/"
	staticPrefix    = "static/"
	authorizePrefix = "authorize/"
	rotatePrefix    = "rotate/"
)

const backendHelp = `
The ProcessMaker secrets engine hands out access tokens of a ProcessMaker
Platform instance. ProcessMaker's tokens live for a year; those of this engine
end with their lease. Configure the instance at "config", a way to sign in at
"roles/<name>", and read tokens at "creds/<name>".
`

// backend is one mount. Mounts share a process, so everything that changes
// hangs here and nothing on the package.
type backend struct {
	*framework.Backend

	clock  clock.Clock
	random io.Reader

	settings settingsCache
	roles    roleCache
	limit    mountLimit
	// records serialises what is done with one credential: a refresh token is
	// good once.
	records *keylock.Locks
	// sessions does the same with the sessions of roles.
	sessions *keylock.Locks
	// statics does the same with the shared credentials of roles.
	statics *keylock.Locks
	// passwords does the same with the passwords of users.
	passwords *keylock.Locks
	failures  attempts.Log
	doubts    doubts
	inflight  inflight.Group
	sweeper   sweeper
	house     housekeeper
	// removingConfig is held while a deleted config is removed for good.
	removingConfig atomic.Bool
	events         eventqueue.Queue[event]
	counters       counters
	health         health.Roles

	// mountID is Vault's own id of the mount; empty while Vault only asks for
	// the version.
	mountID string
	// mountPoint is where the mount is.
	mountPoint atomic.Pointer[string]
	// storage is for what is done at the end of the mount, when no request
	// brings one.
	storage logical.Storage

	// lifetime ends when the mount does; endLifetime ends it.
	lifetime    context.Context
	endLifetime context.CancelFunc
}

// Factory makes the backend of one mount. It reads no storage and starts
// nothing: Vault calls it with an empty configuration to learn the version.
func Factory(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
	b := newBackend(clock.System(), rand.Reader)
	if conf == nil {
		return nil, errors.New("configuration passed into backend is nil")
	}
	if err := b.Setup(ctx, conf); err != nil {
		return nil, err
	}
	return b, nil
}

// Setup takes what Vault tells of the mount.
func (b *backend) Setup(ctx context.Context, conf *logical.BackendConfig) error {
	b.mountID, b.storage = conf.BackendUUID, conf.StorageView
	if conf.Logger != nil && b.mountID != "" {
		// The mounts of a process share its logger, whose name is that of
		// whichever came first.
		named := *conf
		named.Logger = conf.Logger.With("mount_id", b.shortMountID())
		conf = &named
	}
	return b.Backend.Setup(ctx, conf)
}

// shortMountID is enough of the mount's id to tell mounts apart.
func (b *backend) shortMountID() string {
	return b.mountID[:min(len(b.mountID), 8)]
}

func newBackend(clk clock.Clock, random io.Reader) *backend {
	b := &backend{clock: clk, random: random, records: keylock.New(), sessions: keylock.New(), statics: keylock.New(), passwords: keylock.New()}
	b.lifetime, b.endLifetime = context.WithCancel(context.Background())
	b.settings.reachabilityChanged = b.reachabilityChanged
	b.Backend = &framework.Backend{
		BackendType:    logical.TypeLogical,
		RunningVersion: version,
		Help:           strings.TrimSpace(backendHelp),
		PathsSpecial: &logical.Paths{
			SealWrapStorage: []string{configKey, rolePrefix, sessionPrefix, staticPrefix, authorizePrefix, rotatePrefix, ledger.Prefix},
			LocalStorage:    []string{sessionPrefix, staticPrefix, authorizePrefix, ledger.Prefix, ledger.CursorKey},
		},
		Paths: framework.PathAppend(
			b.configPaths(),
			b.rolePaths(),
			b.credsPaths(),
			b.staticPaths(),
			b.sessionPaths(),
			b.credentialPaths(),
			b.rotateRolePaths(),
			b.tidyPaths(),
			b.statusPaths(),
		),
		Secrets:      []*framework.Secret{b.credentialSecret()},
		Invalidate:   b.invalidate,
		PeriodicFunc: b.periodic,
		Clean:        b.clean,
	}
	return b
}

// invalidate forgets what another node has changed.
func (b *backend) invalidate(_ context.Context, key string) {
	switch {
	case key == configKey:
		b.settings.forget()
		b.roles.forgetAll()
	case strings.HasPrefix(key, rolePrefix):
		b.roles.forget(strings.TrimPrefix(key, rolePrefix))
	case strings.HasPrefix(key, sessionPrefix):
		if role := b.roles.cached(strings.TrimPrefix(key, sessionPrefix)); role != nil {
			role.session.Store(nil)
		}
	case strings.HasPrefix(key, staticPrefix):
		if role := b.roles.cached(strings.TrimPrefix(key, staticPrefix)); role != nil {
			role.static.Store(nil)
		}
	}
}

// keepsLedger tells whether this node looks after the ledger. It is local to the
// cluster, so that the active node of a performance secondary has one of its
// own, for the credentials that it handed out.
func (b *backend) keepsLedger() bool {
	return !b.System().ReplicationState().HasState(consts.ReplicationDRSecondary | consts.ReplicationPerformanceStandby)
}

// periodic runs about once a minute.
func (b *backend) periodic(_ context.Context, req *logical.Request) error {
	if !b.keepsLedger() {
		return nil
	}
	b.wakeSweeper(req.Storage)
	b.wakeHousekeeper(req.Storage)
	if !b.WriteSafeReplicationState() {
		return nil // the config is the primary's
	}
	b.wakeConfigRemoval(req.Storage)
	return nil
}

// cleanTimeout is how long an unmount or shutdown waits for exchanges whose
// answers may hold tokens. Vault's plugin server answers no other mount of this
// process meanwhile.
const cleanTimeout = 20 * time.Second

func (b *backend) clean(ctx context.Context) {
	defer func() { b.caught(recover(), "clean") }()
	b.endLifetime()
	waitCtx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	if err := b.inflight.Wait(waitCtx); err != nil {
		b.log(hclog.Warn, about{}, "unmounted while requests to ProcessMaker were under way")
	}
	if b.storage != nil && b.System().Tainted() && b.keepsLedger() {
		b.drain(ctx, b.storage)
	}
	b.settings.close()
}
