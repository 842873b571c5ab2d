package trail

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

func TestAQueuedEndIsAskedForAndASynchronousOneIsAnEnd(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		l.Revoke(carol, "revoke/"+l.Read(carol, "queued", "alice", hour).LeaseID, false)
		l.Revoke(carol, "revoke/"+l.Read(carol, "waited", "alice", hour).LeaseID, true)
		l.Read(carol, "left", "alice", hour)
	})
	queued, waited, left := f.of("queued"), f.of("waited"), f.of("left")
	require.NotNil(t, queued.Ask)
	require.True(t, queued.Ask.Queued)
	require.Equal(t, "userpass-carol", queued.Ask.By.Who)
	require.Nil(t, queued.End, "nothing says that it has ended")
	require.NotNil(t, waited.End)
	require.Equal(t, FromAnswer, waited.End.Source)
	require.False(t, waited.Ask.Time.After(waited.End.Time))
	require.Nil(t, left.Ask)
	require.Nil(t, left.End)
	require.Equal(t, start.Add(hour+time.Minute).Truncate(time.Minute), left.Deadline)
}

func TestAPrefixEndsOnlyWhatLiesUnderIt(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		for _, role := range []string{"ci", "ci2", "other"} {
			l.Read(carol, role, "alice", hour)
		}
		l.ReadWrapped(carol, "wrapped", "alice", hour)
		one := l.Read(carol, "one", "alice", hour)
		l.Revoke(carol, "revoke-prefix/processmaker/creds/ci", true)
		l.Revoke(carol, "revoke-prefix/"+one.LeaseID, true)
		l.Revoke(carol, "revoke-prefix/processmaker/creds/wrapped/", false)
		l.Revoke(carol, "revoke-prefix/processmaker/creds/o", true)
		l.Revoke(carol, "revoke-prefix/processmaker/creds/other/0", true)
	})
	require.NotNil(t, f.of("ci").End)
	require.NotNil(t, f.of("one").End)
	require.NotNil(t, f.of("wrapped").Ask)
	for _, role := range []string{"ci2", "other"} {
		require.Nil(t, f.of(role).Ask, role)
		require.Nil(t, f.of(role).End, role)
	}
}

func TestAForcedEndProvesNothing(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		c := l.Read(carol, "ci", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "sys/leases/revoke-force/processmaker/creds/ci"})
		l.Line("revoked lease", map[string]any{"lease_id": c.LeaseID})
	})
	require.NotNil(t, f.of("ci").Ask)
	require.Nil(t, f.of("ci").End, "Vault forgets the lease whether its token has ended or not")
}

func TestARefusedEndIsNone(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		c := l.Read(carol, "ci", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "sys/leases/revoke/" + c.LeaseID, Answer: map[string]any{"error": "down"}, Clear: []string{"error"}})
		c = l.Read(carol, "denied", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "sys/leases/revoke/" + c.LeaseID, Error: "permission denied"})
	})
	require.Nil(t, f.of("ci").Ask)
	require.Equal(t, "down", f.of("ci").Refused.Failure)
	require.Nil(t, f.of("ci").End)
	require.Nil(t, f.of("denied").Ask)
	require.Nil(t, f.of("denied").End)
}

func TestAnEndByTheEngineIsKnown(t *testing.T) {
	t.Parallel()
	filter := func(l *madelog.Log, by madelog.Token, data, answer map[string]any) {
		l.Do(madelog.Exchange{By: by, Operation: "update", Path: "processmaker/credentials/revoke", Data: data, Answer: answer, Clear: append([]string{"reason"}, madelog.TunedKeys...)})
	}
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		one := l.Read(carol, "one", "alice", hour)
		l.Read(carol, "role", "alice", hour)
		l.Read(carol, "user", "bob", hour)
		l.Read(carol, "partly", "dora", hour)
		l.Read(carol, "dry", "eve", hour)
		l.Read(carol, "hashed", "frank", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "processmaker/credentials/" + one.ID + "/revoke"})
		all := map[string]any{"matched": 1, "ended": 1, "failed": 0}
		filter(l, carol, map[string]any{"role": "role", "username": "alice"}, all)
		filter(l, carol, map[string]any{"username": "bob"}, all)
		filter(l, carol, map[string]any{"username": "dora"}, map[string]any{"matched": 2, "ended": 1, "failed": 1})
		filter(l, carol, map[string]any{"username": "eve", "dry_run": "true"}, map[string]any{"matched": 1})
		l.Untuned = true
		filter(l, carol, map[string]any{"username": "frank"}, all)
	})
	for _, role := range []string{"one", "role", "user"} {
		require.NotNil(t, f.of(role).End, role)
	}
	require.Nil(t, f.of("partly").End)
	require.NotNil(t, f.of("partly").Ask)
	require.Nil(t, f.of("dry").Ask)
	require.Nil(t, f.of("hashed").Ask)
	require.Equal(t, 1, f.Notes.HashedFilters)
}

func TestTheEnginesLineSaysWhenAndWhy(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		natural := l.Read(carol, "natural", "alice", hour)
		queued := l.Read(carol, "queued", "alice", hour)
		late := l.Read(carol, "late", "alice", hour)
		vault := l.Read(carol, "vault", "alice", hour)
		handed := l.Read(carol, "handed", "alice", hour)
		l.Revoke(carol, "revoke/"+queued.LeaseID, false)
		l.Now = l.Now.Add(time.Second)
		l.Ended(queued, carol, "lease")
		l.Line("revoked lease", map[string]any{"lease_id": vault.LeaseID})
		l.Line("ProcessMaker has been unreachable", map[string]any{"mount": "processmaker/", "credential_id": handed.ID, "due_as": "0000000000000000000000"})
		l.Line("revoked lease", map[string]any{"lease_id": handed.LeaseID})
		l.Now = l.Now.Add(30 * time.Minute)
		l.Ended(natural, carol, "lease")
		l.Line("revoked lease", map[string]any{"lease_id": natural.LeaseID})
		handed.ID = "0000000000000000000000"
		l.Ended(handed, carol, "ledger")
		l.Now = l.Now.Add(2 * time.Hour)
		l.Ended(late, carol, "ledger")
	})
	require.Equal(t, "lease", f.of("natural").End.Reason)
	require.Equal(t, FromEngine, f.of("natural").End.Source)
	require.Nil(t, f.of("natural").Ask)
	require.Equal(t, FromEngine, f.of("queued").End.Source)
	require.Equal(t, time.Second, f.of("queued").End.Time.Sub(f.of("queued").Ask.Time).Truncate(time.Second))
	require.Equal(t, FromVault, f.of("vault").End.Source)
	require.Equal(t, "ledger", f.of("handed").End.Reason, "the end of its lease was not its end")
	require.Equal(t, "ledger", f.of("late").End.Reason, "ProcessMaker was away at its deadline")
	require.True(t, f.of("late").End.Time.After(f.of("late").Deadline))
	require.Len(t, f.order, 5)
	require.Zero(t, f.Notes.Unread)
	require.Empty(t, f.live.ids)
}

func TestWhatHasEndedCannotBeAskedToEnd(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		c := l.Read(carol, "ci", "alice", hour)
		l.Ended(c, carol, "lease")
		l.Now = l.Now.Add(time.Second)
		l.Revoke(carol, "revoke/"+c.LeaseID, true)
	})
	require.Nil(t, f.of("ci").Ask)
	require.Equal(t, FromEngine, f.of("ci").End.Source)
}

// The engine's line passes through a pipe, and may come after the answer that says less.
func TestTheBetterLineMayComeLater(t *testing.T) {
	t.Parallel()
	selection := Selection{}
	f := &followed{Trail: New(&selection), t: t, found: map[string]*Credential{}}
	f.Credential = func(c *Credential) { f.found[c.Role] = c }
	f.KeepEvents = true
	f.take(func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		c := l.Read(carol, "ci", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "processmaker/credentials/" + c.ID + "/revoke"})
		l.Now = l.Now.Add(50 * time.Millisecond)
		l.Ended(c, carol, "operator")
	})
	f.Finish()
	c := f.of("ci")
	require.Equal(t, "operator", c.End.Reason)
	require.Equal(t, []string{"read", "end asked for", "ended"}, []string{c.Events[0].What, c.Events[1].What, c.Events[2].What})
	require.Equal(t, "operator (engine's log)", c.Events[2].Detail)
}

func TestAMountThatIsDisabledEndsItsLeases(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		l.Read(carol, "ci", "alice", hour)
		l.Mount = "other"
		l.Read(carol, "elsewhere", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "delete", Path: "sys/mounts/processmaker"})
	})
	require.NotNil(t, f.of("ci").End)
	require.Nil(t, f.of("elsewhere").Ask)
}

func TestALeaseInTheBodyIsFoundByARenewal(t *testing.T) {
	t.Parallel()
	revoke := func(l *madelog.Log, by madelog.Token, c madelog.Credential) {
		l.Do(madelog.Exchange{By: by, Operation: "update", Path: "sys/leases/revoke", Data: map[string]any{"lease_id": c.LeaseID, "sync": true}})
	}
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		renewed, other := l.Read(carol, "renewed", "alice", hour), l.Read(carol, "other", "alice", hour)
		l.Renew(carol, renewed, "another")
		revoke(l, carol, renewed)
		revoke(l, carol, other)
	})
	require.NotNil(t, f.of("renewed").End)
	require.Nil(t, f.of("other").Ask)
	require.Equal(t, 1, f.Notes.HashedLeases, "and it is said")
}
