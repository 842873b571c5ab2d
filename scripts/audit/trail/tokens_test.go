package trail

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

func revokeToken(l *madelog.Log, by madelog.Token, kind string, data map[string]any) {
	l.Do(madelog.Exchange{By: by, Operation: "update", Path: "auth/token/revoke" + kind, Data: data})
}

// child makes a token with another.
func child(l *madelog.Log, by madelog.Token, name string, data map[string]any) madelog.Token {
	made := madelog.Token{
		Who: "token-" + name, EntityID: by.EntityID, Accessor: "accessor-" + name, Sent: "hvs.sent-" + name, Inner: "hvs.inner-" + name, Kind: "service",
	}
	l.Do(madelog.Exchange{By: by, Operation: "update", Path: "auth/token/create", Data: data, Made: &made})
	return made
}

func TestTheEndOfAVaultTokenAsksForTheEndOfItsLeases(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		root := l.Login("userpass", "root")
		self, token, accessor, nobody := l.Login("approle", "a"), l.Login("approle", "b"), l.Login("approle", "c"), l.Login("approle", "d")
		l.Read(self, "self", "alice", hour)
		l.Read(token, "token", "alice", hour)
		l.Read(accessor, "accessor", "alice", hour)
		l.Read(nobody, "nobody", "alice", hour)
		revokeToken(l, self, "-self", nil)
		revokeToken(l, root, "", map[string]any{"token": token.Inner})
		revokeToken(l, root, "-accessor", map[string]any{"accessor": accessor.Accessor})
		l.Do(madelog.Exchange{By: root, Operation: "update", Path: "auth/token/revoke-accessor", Data: map[string]any{"accessor": nobody.Accessor}, Error: "permission denied"})
	})
	for _, role := range []string{"self", "token", "accessor"} {
		require.NotNil(t, f.of(role).Ask, role)
		require.Nil(t, f.of(role).End, "%s: Vault ends the leases later", role)
	}
	require.Equal(t, "userpass-root", f.of("accessor").Ask.By.Who)
	require.Nil(t, f.of("nobody").Ask)
}

func TestTheEndOfAParentAsksForThatOfItsChildren(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		parent := l.Login("userpass", "carol")
		son := child(l, parent, "son", nil)
		batch := child(l, parent, "batch", nil)
		batch.Accessor, batch.Kind = "", "batch"
		grandson := child(l, son, "grandson", nil)
		orphan := child(l, parent, "orphan", map[string]any{"no_parent": true})
		for role, by := range map[string]madelog.Token{"son": son, "grandson": grandson, "orphan": orphan, "batch": batch} {
			l.Read(by, role, "alice", hour)
		}
		revokeToken(l, parent, "", map[string]any{"token": parent.Inner})
	})
	for _, role := range []string{"son", "grandson", "batch"} {
		require.NotNil(t, f.of(role).Ask, role)
	}
	require.Nil(t, f.of("orphan").Ask)

	f = follow(t, Selection{}, func(l *madelog.Log) {
		parent := l.Login("userpass", "carol")
		son := child(l, parent, "son", nil)
		l.Read(parent, "parent", "alice", hour)
		l.Read(son, "son", "alice", hour)
		revokeToken(l, parent, "-orphan", map[string]any{"token": parent.Inner})
	})
	require.NotNil(t, f.of("parent").Ask)
	require.Nil(t, f.of("son").Ask, "revoke-orphan leaves the children")
}

func TestTheEndOfAnAuthMountAsksForWhatItsLoginsHold(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol, job := l.Login("userpass", "carol"), l.Login("approle", "job")
		job.Who = "approle" // as Vault has it
		l.Read(carol, "carol", "alice", hour)
		l.Read(job, "job", "alice", hour)
		l.Do(madelog.Exchange{By: carol, Operation: "delete", Path: "sys/auth/approle"})
	})
	require.NotNil(t, f.of("job").Ask)
	require.Nil(t, f.of("carol").Ask)
}

// Two audit devices have HMACs of their own; each entry is there twice.
func TestTwoDevicesAreOneTrail(t *testing.T) {
	t.Parallel()
	act := func(salt string) func(*madelog.Log) {
		return func(l *madelog.Log) {
			l.Salt = salt
			carol := l.Login("userpass", "carol")
			c := l.Read(carol, "ci", "alice", hour)
			l.Renew(carol, c, "another")
			wrapped := l.ReadWrapped(carol, "wrapped", "alice", hour)
			l.Unwrap(carol, wrapped)
			if salt == "second" { // the other device was gone by then
				revokeToken(l, carol, "-self", nil)
			}
		}
	}
	selection := Selection{}
	f := &followed{Trail: New(&selection), t: t, found: map[string]*Credential{}}
	f.Credential = func(c *Credential) { f.found[c.Role], f.order = c, append(f.order, c) }
	f.take(func(l *madelog.Log) {
		server, out := *l, *l
		act("first")(&server)
		act("second")(&out)
	})
	f.Finish()
	require.Len(t, f.order, 2)
	require.Equal(t, 1, f.of("ci").Renewals)
	require.NotNil(t, f.of("ci").Ask)
	require.NotNil(t, f.of("wrapped").Ask)
}
