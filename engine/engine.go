// Package engine is one mount: it wires the services, runs their upkeep and their end, and does
// what takes more than one of them. It owns no keys and no locks, and the time of the last upkeep.
// It may import every package below engine, and internal packages.
package engine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/password"
	"vault-plugin-secrets-processmaker/engine/reaper"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/background"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Host is what an engine asks of Vault.
type Host interface {
	telemetry.Host
	credential.Host
	password.PolicyHost
	ReplicationState() consts.ReplicationState
}

// Mount is what Vault tells of a mount.
type Mount struct {
	// ID is Vault's own id of the mount; empty while Vault only asks for the version.
	ID      string
	Storage logical.Storage
	Host    Host
	Logger  hclog.Logger
	Clock   clock.Clock
	Random  io.Reader
	// UserAgent is sent with every request to ProcessMaker.
	UserAgent string
	// FillTemplate fills an identity template.
	FillTemplate role.FillTemplate
	// ErrNoEvents is what a host without event notifications answers.
	ErrNoEvents error
	// Writable tells whether this cluster may write configs and roles.
	Writable func() bool
}

// Engine is one mount.
type Engine struct {
	Instances   *instance.Store
	Roles       *role.Store
	Ledger      *ledger.Ledger
	Sessions    *session.Manager
	Credentials *credential.Service
	Reaper      *reaper.Reaper
	Passwords   *password.Rotator
	Tokens      *token.Broker
	Report      *telemetry.Reporter
	Background  *background.Group

	Mount Mount

	sweeping, upkeep background.Task
	// kept is when the last upkeep began; it belongs to the one under way.
	kept time.Time
}

// Keys are the stored keys of all packages, with their marks.
func Keys() []store.Key {
	return slices.Concat(instance.Keys, role.Keys, session.Keys, credential.Keys, ledger.Keys)
}

// New wires the services of a mount. It starts and reads nothing.
func New(m Mount) *Engine {
	var report *telemetry.Reporter
	group := background.New(func(panicked any, what string) bool { return report.Recovered(panicked, what) })
	report = telemetry.New(m.Logger, m.Clock, m.Host, m.ErrNoEvents, group)
	instances := instance.NewStore(m.Storage, m.Clock, report, m.UserAgent)
	roles := role.NewStore(m.Storage, instances, report, m.FillTemplate)
	records := ledger.New(m.Storage, m.Clock, m.Random, ShortID(m.ID))
	tokens := &token.Broker{
		Storage: m.Storage, Clock: m.Clock, Random: m.Random, Instances: instances, Roles: roles, Ledger: records, Report: report, Writable: m.Writable,
	}
	sessions := session.NewManager(tokens)
	credentials := credential.NewService(m.Host, tokens, sessions)
	return &Engine{
		Instances: instances, Roles: roles, Ledger: records, Tokens: tokens, Sessions: sessions, Credentials: credentials,
		Reaper: reaper.New(tokens, sessions, credentials), Passwords: password.New(m.Host, tokens), Report: report, Background: group, Mount: m,
	}
}

// LocksInUse says how many locks are held or waited for.
func (e *Engine) LocksInUse() int {
	return e.Ledger.LocksInUse() + e.Sessions.LocksInUse() + e.Credentials.LocksInUse() + e.Roles.LocksInUse()
}

// ShortID is enough of a mount's id to tell mounts apart.
func ShortID(id string) string { return id[:min(len(id), 8)] }

// KeepsLedger tells whether this node looks after the ledger, which is local to the cluster: a
// performance secondary's active node has its own, for the credentials that it handed out.
func (e *Engine) KeepsLedger() bool {
	return !e.Mount.Host.ReplicationState().HasState(consts.ReplicationDRSecondary | consts.ReplicationPerformanceStandby)
}

// Tick runs about once a minute. Vault waits for it, so the work is done beside it.
func (e *Engine) Tick() {
	if !e.KeepsLedger() {
		return
	}
	ctx := e.Background.Lifetime()
	e.Background.Start(&e.sweeping, "sweep", func() { e.Reaper.Tick(ctx) })
	e.Background.Start(&e.upkeep, "upkeep", func() { e.KeepUp(ctx) })
}

// Forget drops from memory what another node has stored under key.
func (e *Engine) Forget(key string) {
	prefix, name, _ := strings.Cut(key, "/")
	switch prefix + "/" {
	case instance.Key + "/":
		e.Instances.Forget()
		e.Roles.ForgetAll()
	case role.Prefix:
		e.Roles.Forget(name)
	case session.Prefix:
		e.Sessions.Forget(name)
	case credential.Prefix:
		e.Credentials.ForgetShared(name)
	}
}

// ReplaceInstance stores next in place of previous. It is Refused to move the mount while sessions
// or credentials live at the present instance: only the present config knows the way to them.
func (e *Engine) ReplaceInstance(ctx context.Context, previous, next *instance.Instance) error {
	var stillFree func() error
	if previous != nil && previous.Config.URL != next.Config.URL {
		stillFree = func() error { return e.refuseToMove(ctx, previous.Config.URL) }
	}
	if err := e.Instances.Replace(ctx, previous, next, stillFree); err != nil {
		return err
	}
	// A refused login may have been the former settings' fault.
	e.Roles.ForgetAll()
	return nil
}

func (e *Engine) refuseToMove(ctx context.Context, url string) error {
	sessions, err := e.Sessions.NamesAt(ctx, url)
	if err != nil {
		return err
	}
	if len(sessions) > 0 {
		var commands []string
		for _, name := range sessions {
			commands = append(commands, fmt.Sprintf("\"vault delete %ssessions/%s\"", problem.Mount, name))
		}
		return problem.Refuse(
			fmt.Sprintf("url cannot change while sessions of %s live (roles %s)", url, strings.Join(sessions, ", ")),
			"End them with "+strings.Join(commands, " and "),
		)
	}
	live, err := e.Ledger.CountAt(ctx, url)
	if err != nil || live == 0 {
		return err
	}
	return problem.Refuse(
		fmt.Sprintf("url cannot change while %d credentials of %s live", live, url),
		"End them with \"vault write "+problem.Mount+"credentials/revoke all=true\", or enable another mount for the other instance",
	)
}

// RemoveInstance deletes the config. Where credentials still live, it erases the secrets and keeps
// the connection, so that they can be ended: removed is false then, and live is their number.
func (e *Engine) RemoveInstance(ctx context.Context, previous *instance.Instance) (removed bool, live int, err error) {
	defer e.Roles.ForgetAll()
	removed, err = e.removeIfQuiet(ctx, previous)
	if err != nil || removed {
		return removed, 0, err
	}
	ids, err := e.Ledger.All(ctx)
	if err != nil {
		return false, 0, err
	}
	next, err := e.Instances.Prepare(previous.Config.ConnectionOnly())
	if err != nil {
		return false, 0, err
	}
	return false, len(ids), e.Instances.Replace(ctx, previous, next, nil)
}
