package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/replication"
)

const backendHelp = `
The ProcessMaker secrets engine hands out access tokens of a ProcessMaker
Platform instance. ProcessMaker's tokens live for a year; those of this engine
end with their lease. Configure the instance at "config", a way to sign in at
"roles/<name>", and read tokens at "creds/<name>".
`

// backend is one mount as Vault sees it. Mounts share a process, so everything that changes hangs
// on its engine and nothing on a package.
type backend struct {
	*framework.Backend

	clock  clock.Clock
	random io.Reader
	// engine is made by Setup, when Vault tells of the mount.
	engine *engine.Engine
}

// Factory makes the backend of one mount. It reads no storage and starts nothing: Vault calls it
// with an empty configuration to learn the version.
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

func newBackend(clk clock.Clock, random io.Reader) *backend {
	b := &backend{clock: clk, random: random}
	b.Backend = &framework.Backend{
		BackendType:    logical.TypeLogical,
		RunningVersion: version,
		Help:           strings.TrimSpace(backendHelp),
		PathsSpecial:   specialPaths(),
		Paths:          b.describedPaths(),
		Secrets:        []*framework.Secret{b.credentialSecret()},
		Invalidate:     func(_ context.Context, key string) { b.engine.Forget(key) },
		PeriodicFunc:   b.periodic,
		Clean:          b.clean,
	}
	return b
}

func (b *backend) paths() []*framework.Path {
	return framework.PathAppend(
		b.configPaths(),
		b.rolePaths(),
		b.credsPaths(),
		b.staticPaths(),
		b.sessionPaths(),
		b.credentialPaths(),
		b.rotateRolePaths(),
		b.tidyPaths(),
		b.statusPaths(),
		b.metricsPaths(),
	)
}

// description has the paths without a mount behind them. Nothing changes it.
var description = sync.OnceValue((&backend{}).paths)

// describedPaths are the paths with the fields and answers of the description. They are the same in
// all mounts, so a process with many mounts holds them once.
func (b *backend) describedPaths() []*framework.Path {
	paths := b.paths()
	for i, shared := range description() {
		paths[i].Fields = shared.Fields
		for operation, handler := range paths[i].Operations {
			same := shared.Operations[operation].(*framework.PathOperation)
			own := handler.(*framework.PathOperation)
			own.Responses, own.DisplayAttrs = same.Responses, same.DisplayAttrs
		}
	}
	return paths
}

// specialPaths are the marks of the stored keys. The keys that a cluster makes with its own readers
// stay with it; config and roles are replicated.
func specialPaths() *logical.Paths {
	paths := &logical.Paths{}
	for _, key := range engine.Keys() {
		if key.SealWrap {
			paths.SealWrapStorage = append(paths.SealWrapStorage, key.Prefix)
		}
		if key.Local {
			paths.LocalStorage = append(paths.LocalStorage, key.Prefix)
		}
	}
	return paths
}

// Setup makes the engine of what Vault tells of the mount.
func (b *backend) Setup(ctx context.Context, conf *logical.BackendConfig) error {
	own := *conf
	if conf.Logger != nil && conf.BackendUUID != "" {
		// The mounts of a process share its logger, whose name is that of whichever came first.
		own.Logger = conf.Logger.With("mount_id", engine.ShortID(conf.BackendUUID))
	}
	if conf.System != nil {
		own.System = replication.NewView(conf.System, b.clock)
	}
	if err := b.Backend.Setup(ctx, &own); err != nil {
		return err
	}
	b.engine = engine.New(engine.Mount{
		ID:        conf.BackendUUID,
		Storage:   conf.StorageView,
		Host:      host{b.Backend, b.System()},
		Logger:    b.Logger(),
		Clock:     b.clock,
		Random:    b.random,
		UserAgent: userAgent,
		FillTemplate: func(template, entityID string) (string, error) {
			return framework.PopulateIdentityTemplate(template, entityID, b.System())
		},
		ErrNoEvents: framework.ErrNoEvents,
		Writable:    b.WriteSafeReplicationState,
	})
	return nil
}

type host struct {
	logical.EventSender
	logical.SystemView
}

// periodic is called once a minute, and a last time before the leases of a mount that is disabled
// or moved are revoked.
func (b *backend) periodic(ctx context.Context, _ *logical.Request) error {
	if b.System().Tainted() {
		b.engine.Retire(ctx)
		return nil
	}
	b.engine.Tick()
	return nil
}

func (b *backend) clean(ctx context.Context) {
	defer func() { b.engine.Report.Recovered(recover(), "clean") }()
	b.engine.Close(ctx)
}
