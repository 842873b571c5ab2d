package trail

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

func people(l *madelog.Log) {
	carol, dave := l.Login("userpass", "carol"), l.Login("userpass", "dave")
	l.Read(carol, "ci", "alice", hour)
	l.Read(dave, "ci2", "alice", hour)
	l.Read(dave, "admin", "root", hour)
	l.ReadWrapped(carol, "ci", "alice", hour)
	l.ReadWrapped(dave, "admin", "root", hour)
}

func TestWhatIsAskedForIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		selection Selection
		roles     []string
	}{
		"all":                       {Selection{}, []string{"admin", "admin", "ci", "ci", "ci2"}},
		"a user":                    {Selection{Users: []string{"alice"}}, []string{"ci", "ci", "ci2"}},
		"a user by id":              {Selection{Users: []string{"7"}}, []string{"admin", "admin", "ci", "ci", "ci2"}},
		"a role":                    {Selection{Roles: []string{"admin"}}, []string{"admin", "admin"}},
		"two roles":                 {Selection{Roles: []string{"admin", "ci2"}}, []string{"admin", "admin", "ci2"}},
		"an entity":                 {Selection{Entities: []string{"entity-of-carol"}}, []string{"ci", "ci"}},
		"a login":                   {Selection{Entities: []string{"userpass-dave"}}, []string{"admin", "admin", "ci2"}},
		"both":                      {Selection{Entities: []string{"userpass-dave"}, Users: []string{"alice"}}, []string{"ci2"}},
		"before":                    {Selection{To: start.Add(-time.Minute)}, nil},
		"while they live":           {Selection{From: start.Add(30 * time.Minute), Users: []string{"root"}}, []string{"admin", "admin"}},
		"another mount":             {Selection{Mounts: []string{"elsewhere"}}, nil},
		"the mount":                 {Selection{Mounts: []string{"processmaker/"}, Roles: []string{"ci2"}}, []string{"ci2"}},
		"a user that nobody is":     {Selection{Users: []string{"nobody"}}, nil},
		"a credential that is none": {Selection{Credentials: []string{"none"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := follow(t, c.selection, people)
			require.Equal(t, c.roles, f.roles())
		})
	}
	f := follow(t, Selection{From: start.Add(2 * hour)}, people)
	require.Len(t, f.order, 2, "of a wrapped one nobody can say how long it lived")
}

// A wrapped read of a role whose user no line tells is shown, and said to be so.
func TestAnUnknownUserIsShown(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{Users: []string{"alice"}}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		l.ReadWrapped(carol, "unknown", "alice", hour)
		l.ReadWrapped(carol, "rewritten", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "processmaker/roles/rewritten"})
		l.Read(carol, "rewritten", "bob", hour)
		l.ReadWrapped(carol, "another", "bob", hour)
		l.Read(carol, "another", "bob", hour)
	})
	require.Equal(t, []string{"rewritten", "unknown"}, f.roles())
	require.True(t, f.of("unknown").UserUnknown)
	f = follow(t, Selection{Users: []string{"bob"}, Roles: []string{"another"}}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		l.Read(carol, "another", "bob", hour)
		l.ReadWrapped(carol, "another", "bob", hour)
	})
	require.Len(t, f.order, 2)
	require.Equal(t, "bob", f.order[1].LikelyUser, "as all others of the role")
}

func TestALogOfAMountThatIsNotTuned(t *testing.T) {
	t.Parallel()
	act := func(l *madelog.Log) {
		l.Untuned = true
		carol := l.Login("userpass", "carol")
		l.Revoke(carol, "revoke/"+l.Read(carol, "ci", "alice", hour).LeaseID, true)
		l.Read(carol, "other", "bob", hour)
	}
	log := madelog.New(nil, start)
	f := follow(t, Selection{Users: []string{log.Hash("alice")}}, act)
	require.Equal(t, 2, f.Notes.Untuned)
	require.True(t, logfile.IsHash(f.of("ci").ID))
	require.NotNil(t, f.of("ci").End)
	f = follow(t, Selection{Users: []string{"alice"}}, act)
	require.Equal(t, []string{"ci", "other"}, f.roles(), "without the HMAC nobody can tell them apart")
	require.True(t, f.of("ci").UserUnknown)
}

func TestASharedCredentialHasManyReaders(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{Entities: []string{"userpass-dave"}}, func(l *madelog.Log) {
		carol, dave := l.Login("userpass", "carol"), l.Login("userpass", "dave")
		id := l.ID(start.Add(hour))
		for _, by := range []madelog.Token{carol, dave, carol, dave} {
			l.Do(madelog.Exchange{
				By: by, Operation: "read", Path: "processmaker/static-creds/shared", Clear: madelog.TunedKeys,
				Answer: map[string]any{"credential_id": id, "username": "alice", "user_id": "7"},
			})
		}
		revokeToken(l, carol, "-self", nil)
		l.Revoke(carol, "revoke-prefix/processmaker", true)
		l.Do(madelog.Exchange{By: dave, Operation: "delete", Path: "processmaker/roles/shared"})
	})
	c := f.of("shared")
	require.True(t, c.Shared)
	require.Equal(t, 4, c.Reads)
	require.Equal(t, "userpass-carol", c.Reader.Who)
	require.Len(t, c.Others, 1)
	require.Equal(t, "the role was deleted", c.Ask.How, "it has no lease, and outlives its readers")
}

func TestFailuresAndChanges(t *testing.T) {
	t.Parallel()
	selection := Selection{}
	f := &followed{Trail: New(&selection), t: t, found: map[string]*Credential{}}
	var why, paths []string
	f.Failure = func(one Failure) { why = append(why, one.Why) }
	f.Change = func(one Change) { paths = append(paths, one.Operation+" "+one.Path) }
	f.take(func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		fails := func(role, inside, outside string) {
			l.Do(madelog.Exchange{By: carol, Operation: "read", Path: "processmaker/creds/" + role, Answer: map[string]any{"error": inside}, Clear: madelog.TunedKeys, Error: outside})
		}
		fails("one", "there is no role", "")
		fails("two", "1 error occurred:\n\t* permission denied\n\n", "1 error occurred:\n\t* permission denied\n\n")
		l.Do(madelog.Exchange{By: carol, Operation: "read", Path: "processmaker/creds/three", Unanswered: true})
		l.Read(carol, "good", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "help", Path: "processmaker/creds/ci", Answer: map[string]any{"help": "x"}})
		for _, path := range []string{"processmaker/config", "processmaker/roles/ci", "sys/mounts/processmaker/tune", "processmaker/rotate-role/ci", "processmaker/tidy", "sys/mounts/other/tune"} {
			l.Do(madelog.Exchange{By: carol, Operation: "update", Path: path, Data: map[string]any{"b": "1", "a": "2"}})
		}
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "processmaker/config", Answer: map[string]any{"error": "no"}})
		l.Do(madelog.Exchange{By: carol, Operation: "read", Path: "processmaker/config"})
		l.Do(madelog.Exchange{By: carol, Operation: "delete", Path: "processmaker/roles/ci"})
		l.Now = l.Now.Add(time.Hour)
		l.Read(carol, "good", "alice", hour)
	})
	require.Equal(t, []string{"there is no role", "1 error occurred: * permission denied", "no answer in the log: the server or the reader went away"}, why)
	require.Equal(t, []string{"update processmaker/config", "update processmaker/roles/ci", "update sys/mounts/processmaker/tune", "update processmaker/rotate-role/ci", "delete processmaker/roles/ci"}, paths)
}

// What has ended or cannot matter is forgotten, however long the log.
func TestOnlyWhatLivesIsKept(t *testing.T) {
	t.Parallel()
	selection := Selection{}
	f := &followed{Trail: New(&selection), t: t, found: map[string]*Credential{}}
	found := 0
	f.Credential = func(*Credential) { found++ }
	f.take(func(l *madelog.Log) {
		root := l.Login("userpass", "root")
		for range 500 {
			job := child(l, root, l.ID(start), nil)
			c := l.Read(job, "ci", "alice", hour)
			l.Renew(job, c, "another")
			l.Revoke(job, "revoke/"+c.LeaseID, true)
			l.Unwrap(job, l.ReadWrapped(job, "ci", "alice", hour))
			l.Read(job, "left", "alice", hour)
			revokeToken(l, job, "-self", nil)
			l.Now = l.Now.Add(10 * time.Minute)
		}
	})
	x := f.live
	require.Less(t, len(x.ids), 20)
	require.Less(t, len(x.evictions), 20+150, "a wrapped one is kept for a day after its end was asked for")
	require.Less(t, len(x.leases), 20+150)
	require.Less(t, len(x.holders), 4*170)
	require.Less(t, len(x.hashes), 20)
	require.Less(t, len(x.wraps), 2*170)
	require.Less(t, len(x.requests), 20)
	require.Less(t, len(f.tokens.known), 60, "tokens of an hour")
	require.Empty(t, f.pending)
	require.Less(t, len(f.recent), 20)
	f.Finish()
	require.Equal(t, 1500, found)
	require.Empty(t, x.evictions)
	require.Empty(t, x.leases)
	require.Empty(t, x.holders)
	require.Empty(t, x.wraps)
	require.Empty(t, x.hidden)
}
