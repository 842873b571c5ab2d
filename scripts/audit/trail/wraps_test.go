package trail

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

func TestAWrappedReadIsJoinedWithItsUnwrap(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol, dave := l.Login("userpass", "carol"), l.Login("userpass", "dave")
		l.Unwrap(dave, l.ReadWrapped(carol, "other", "alice", hour))
		own := l.ReadWrapped(carol, "own", "alice", hour)
		l.Unwrap(madelog.Token{Address: "10.9.9.9"}, own)
		l.ReadWrapped(carol, "never", "alice", hour)
		l.Revoke(carol, "revoke/"+own.LeaseID, true)
		again := l.ReadWrapped(carol, "again", "alice", hour)
		moved := again
		moved.WrapToken, moved.WrapAccessor = "hvs.moved", "moved"
		l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "sys/wrapping/rewrap", Data: map[string]any{"token": again.WrapToken}, Wrap: &moved})
		l.Unwrap(dave, moved)
	})
	require.Equal(t, "userpass-carol", f.of("other").Reader.Who)
	require.Equal(t, "userpass-dave", f.of("other").Unwrapper.Who)
	require.NotEmpty(t, f.of("other").LeaseID)
	require.Equal(t, "10.9.9.9", f.of("own").Unwrapper.Address)
	require.NotNil(t, f.of("own").End, "its lease is known by the unwrap")
	require.Nil(t, f.of("never").Unwrapper)
	require.Equal(t, "userpass-dave", f.of("again").Unwrapper.Who)
	require.Equal(t, 4, f.Notes.Hidden)
}

func TestTheEnginesLineNamesAWrappedRead(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol, dave := l.Login("userpass", "carol"), l.Login("userpass", "dave")
		byCarol, byDave := l.ReadWrapped(carol, "ci", "alice", hour), l.ReadWrapped(dave, "ci2", "alice", hour)
		l.Do(madelog.Exchange{By: dave, Operation: "update", Path: "processmaker/credentials/" + byDave.ID + "/revoke", Took: time.Minute})
		l.Now = l.Now.Add(-time.Minute)
		l.Ended(byDave, dave, "operator")
		l.Do(madelog.Exchange{By: dave, Operation: "update", Path: "processmaker/credentials/" + byCarol.ID + "/revoke", Answer: map[string]any{"error": "down"}})
		l.Ended(byCarol, carol, "lease")
	})
	require.Len(t, f.order, 2)
	require.Equal(t, "userpass-carol", f.of("ci").Reader.Who)
	require.True(t, known(f.of("ci").ID))
	require.True(t, known(f.of("ci").TokenID))
	require.Nil(t, f.of("ci").Ask, "it was refused")
	require.NotNil(t, f.of("ci2").End)
	require.Equal(t, "credentials/<id>/revoke", f.of("ci2").Ask.How, "asked for before a line told its name")
	require.Zero(t, f.Notes.Hidden)
	require.Zero(t, f.Notes.Unread)
}

// Of two wrapped reads of one person the time of issue tells which it was; without it nothing is
// guessed.
func TestOfTwoWrappedReadsTheTimeTells(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		var first madelog.Credential
		f := follow(t, Selection{}, func(l *madelog.Log) {
			carol := l.Login("userpass", "carol")
			issued := l.Now
			first = l.ReadWrapped(carol, "ci", "alice", hour)
			l.Now = l.Now.Add(time.Minute)
			l.ReadWrapped(carol, "ci", "alice", hour)
			fields := map[string]any{"mount": "processmaker/", "role": "ci", "credential_id": first.ID, "token_id": "t", "reason": "lease", "entity_id": carol.EntityID, "display_name": carol.Who}
			if told {
				fields["issue_time"] = issued.Add(time.Millisecond).Format(time.RFC3339Nano)
			}
			l.Line("credential ended", fields)
		})
		if told {
			require.Len(t, f.order, 2)
			for _, c := range f.order {
				require.Equal(t, c.ID == first.ID, c.Read.Before(start.Add(time.Second*30)))
			}
			continue
		}
		require.Len(t, f.order, 3, "the end stands for itself")
		require.Equal(t, 2, f.Notes.Hidden)
		require.Equal(t, 1, f.Notes.Unread)
	}
}

func TestTheLineAboutAnIssueNamesAWrappedRead(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{}, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		l.Now = l.Now.Add(time.Minute)
		began := l.Now
		c := l.ReadWrapped(carol, "ci", "alice", hour)
		l.Now = began.Add(2 * time.Millisecond)
		l.Line("credential issued", map[string]any{"mount": "processmaker/", "role": "ci", "credential_id": c.ID, "token_id": "t"})
		l.Now = began.Add(time.Minute)
		l.Read(carol, "later", "alice", hour)
	})
	require.True(t, known(f.of("ci").ID))
	require.False(t, f.of("ci").Deadline.IsZero())
}

func TestARenewalByAnotherIsTold(t *testing.T) {
	t.Parallel()
	f := follow(t, Selection{Tokens: []string{"another"}}, func(l *madelog.Log) {
		carol, mallory := l.Login("userpass", "carol"), l.Login("userpass", "mallory")
		c := l.Read(carol, "ci", "alice", hour)
		l.Renew(mallory, c, "x")
		l.Read(carol, "other", "alice", hour)
	})
	require.Empty(t, f.order, "neither had that token")

	log := madelog.New(nil, start)
	f = follow(t, Selection{Tokens: []string{log.Hash("another")}}, func(l *madelog.Log) {
		carol, mallory := l.Login("userpass", "carol"), l.Login("userpass", "mallory")
		c := l.Read(carol, "ci", "alice", hour)
		l.Renew(mallory, c, "another")
		l.Renew(carol, c, "more")
		l.Read(carol, "other", "alice", hour)
	})
	require.Equal(t, []string{"ci"}, f.roles(), "found by the HMAC of a token that a renewal made")
	require.Equal(t, 2, f.of("ci").Renewals)
	require.Equal(t, "userpass-mallory", f.of("ci").Stranger.Who)
}
