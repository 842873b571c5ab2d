package engine

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const (
	// closeTimeout bounds Close. Vault's plugin server answers no other mount of this process in
	// that time. Each of its parts, in order, has at most what the constants below leave it.
	closeTimeout = 4500 * time.Millisecond
	// closingWait is how long Close waits for exchanges whose answers may hold tokens.
	closingWait = 2 * time.Second
	// tellingTime is what is left of closeTimeout to log what lives on.
	tellingTime = time.Second

	// retireTimeout bounds Retire. Vault gives it 90 s.
	retireTimeout = 80 * time.Second
	// othersWait is how long Retire waits for requests from before the mount was tainted.
	othersWait = 20 * time.Second
	// sessionsTime is what is left of it for the sessions, drainPause the pause between two tries.
	sessionsTime = 20 * time.Second
	drainPause   = 2 * time.Second
	// patience is how long a drain goes on without ending anything. Vault's own client waits for a
	// minute, and then the operator would not see why the leases cannot be revoked.
	patience = 20 * time.Second
)

// Retire ends what the mount has at ProcessMaker: credentials, shared ones, and sessions. Vault asks
// for it when it taints the mount, before it revokes the leases; the other mounts of the process are
// served during that time, as they are not during Close. It may be repeated, and the mount can live on: Vault
// also taints a mount that is moved, and nothing tells that from one that is disabled.
func (e *Engine) Retire(ctx context.Context) {
	if !e.KeepsLedger() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, retireTimeout)
	defer cancel()
	waitCtx, cancelWait := context.WithTimeout(ctx, othersWait)
	defer cancelWait()
	// What they leave behind after that is seen to by Vault's revocation of their leases, and Close.
	_ = e.Background.WaitForOthers(waitCtx)
	e.drain(ctx, sessionsTime)
}

// Close ends the mount: it waits a little for what is in-flight, and logs what a disabled mount
// leaves. What is left to end after Retire is tried once more, as far as time allows.
func (e *Engine) Close(parent context.Context) {
	e.Background.End()
	ctx, cancel := context.WithTimeout(parent, closeTimeout)
	defer cancel()
	waitCtx, cancelWait := context.WithTimeout(ctx, closingWait)
	defer cancelWait()
	if err := e.Background.Wait(waitCtx); err != nil {
		e.Report.Log(hclog.Warn, telemetry.Subject{}, "unmounted while requests to ProcessMaker were under way")
	}
	if e.Mount.Storage != nil && e.Mount.Host.Tainted() && e.KeepsLedger() {
		e.closeDisabled(ctx)
	}
	e.Instances.Close()
}

// closeDisabled tells what is left even where all time is used up: the log alone knows it then.
func (e *Engine) closeDisabled(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	drainCtx, cancel := context.WithDeadline(ctx, deadline.Add(-tellingTime))
	defer cancel()
	drained := make(chan struct{})
	e.Background.Go("the last drain", func() {
		defer close(drained)
		e.drain(drainCtx, tellingTime)
	})
	select {
	case <-drained:
	case <-drainCtx.Done(): // an exchange under way is not cut off
	}
	e.Sessions.Leftovers(ctx)
	e.Reaper.Leftovers(ctx)
}

// drain ends every credential and session, within the deadline of ctx. It tries again and again
// while that may help, past a connection that breaks once. Sessions come last, because lost tokens
// are looked up with them; forSessions is the time that is left for them. A session that cannot be
// ended has a record then.
func (e *Engine) drain(ctx context.Context, forSessions time.Duration) {
	inst, err := e.Instances.Current(ctx)
	if err != nil || inst == nil {
		return
	}
	e.drainLedger(ctx, inst, forSessions, func(*ledger.Record) bool { return true })
	e.Sessions.EndAll(ctx, inst)
	// A look-up would begin a session anew.
	e.drainLedger(ctx, inst, 0, (*ledger.Record).HasToken)
}

// drainLedger ends every credential that matches, again while failures are passing and there is
// time; reserve is what it leaves of that of ctx.
func (e *Engine) drainLedger(ctx context.Context, inst *instance.Instance, reserve time.Duration, matches func(*ledger.Record) bool) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-reserve))
	defer cancel()
	progress := e.Mount.Clock.Now()
	for ctx.Err() == nil {
		report, err := e.Reaper.EndMatching(ctx, matches)
		if err != nil {
			e.Report.Log(hclog.Error, telemetry.Subject{}, "the ledger of a mount that is disabled or moved could not be read", "error", err)
		}
		now := e.Mount.Clock.Now()
		if report.Ended > 0 {
			progress = now
		}
		pause := max(inst.Client.Condition().RetryAt.Sub(now), drainPause)
		if !report.Retryable || now.Add(pause).After(progress.Add(patience)) || e.Mount.Clock.Sleep(ctx, pause) != nil {
			return
		}
	}
}
