package token

import (
	"context"
	"errors"
	"fmt"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// Twins: ProcessMaker may give a user tokens and refuse each of them, because the user has the
// number of the auth client (client.Token.Twin). So a twin is tried once before it is handed out or
// kept. Nothing but using up its refresh token ends one that is refused.

// Accepts tries a new token if it is a twin. A token that ProcessMaker refuses is a problem for the
// operator of kind client.TwinRefused; another error says that the trial failed.
func Accepts(ctx context.Context, bound *role.Binding, token client.Token) error {
	if !token.Twin() {
		return nil
	}
	switch alive, err := bound.Client.TokenAlive(ctx, token); {
	case err != nil:
		return problem.Explain(err, fmt.Sprintf("whether ProcessMaker accepts the new token of user %s could not be found out (%s); try again", token.UserID, err))
	case alive:
		return nil
	}
	cure := "Give the role another user or another auth client"
	if token.Audience() != bound.Auth.ID {
		cure = "Choose another user, or make another auth client for personal access tokens in ProcessMaker"
	}
	return &problem.Error{
		Kind: problem.Refused,
		Text: fmt.Sprintf("ProcessMaker refuses the tokens that auth client %s makes for user %s, because client and user have the same number", token.Audience(), token.UserID),
		Cure: cure,
		Err:  &client.Error{Kind: client.TwinRefused, Operation: "trial of a new token"},
	}
}

// admit tries the pair of a login if it is a twin. One that does not pass is not kept.
func (b *Broker) admit(ctx context.Context, bound *role.Binding, grant *client.Grant) error {
	if !grant.Access.Twin() {
		return nil
	}
	// Stored before the trial, in which the plugin may be killed.
	record, err := b.Register(bound, grant, "trial")
	if err != nil {
		return err
	}
	err = Accepts(ctx, bound, grant.Access)
	switch {
	case client.KindOf(err) == client.TwinRefused:
		b.settle(record, b.useUpTwin(bound.Instance, bound.Auth, record))
		return err
	case err == nil:
		// The caller records it anew. The ledger must not end it then.
		err = b.drop(record)
	}
	if err != nil {
		b.End(bound.Instance, record)
	}
	return err
}

// authOf is the auth client that the pair of a record was made with.
func (b *Broker) authOf(ctx context.Context, inst *instance.Instance, record *ledger.Record) (auth client.AuthClient, known bool) {
	if auth = b.Roles.AuthOf(ctx, record.Role, inst); auth.ID != record.Fingerprint.ClientID {
		auth = inst.Config.AuthClient.ForClient()
	}
	return auth, auth.ID == record.Fingerprint.ClientID && auth.Secret != ""
}

const twinUnproved = "the end of a token that nobody holds could not be proved, because its user has the number of its auth client"

var errNothingToUseUp = errors.New("ProcessMaker refuses the token, whose user has the number of its auth client, and gave no refresh token to end it with")

// useUpTwin ends a twin that ProcessMaker refuses, with its refresh token. The pair that comes of it
// is nobody's.
func (b *Broker) useUpTwin(inst *instance.Instance, auth client.AuthClient, record *ledger.Record) error {
	facts := ledger.Facts{Record: ledger.Record{Role: record.Role, Fingerprint: record.Fingerprint, Held: ledger.Held{Username: record.Username}}}
	if record.RefreshToken == "" {
		return errNothingToUseUp
	}
	failed := b.UseUp(inst, auth, record.RefreshToken, facts)
	if client.KindOf(failed) == client.GrantDead {
		// Used up already, as far as anybody can tell, and then the token is dead.
		b.noteUnaccounted(record.Token(), facts, twinUnproved, failed)
		return nil
	}
	return failed
}

// UseUp uses up the refresh token of a pair, which ends the whole pair, and ends the pair that comes
// of it. The error says that the refresh may not have happened.
func (b *Broker) UseUp(inst *instance.Instance, auth client.AuthClient, refreshToken string, facts ledger.Facts) error {
	ctx, cancel := context.WithTimeout(context.Background(), ExchangesTimeout)
	defer cancel()
	grant, err := inst.Client.For(client.Caller{Role: facts.Role, Kept: true}).RefreshGrant(ctx, auth, refreshToken)
	if err != nil {
		b.NoteLostAnswer(facts.Role, err)
		return err
	}
	record, err := b.RegisterDue(grant, facts)
	if err != nil {
		return b.Discard(inst, grant, facts)
	}
	failed := revoke(inst, grant.Access)
	if client.KindOf(failed) == client.TwinRefused {
		// Nobody holds it, and its own refresh token would only give one more.
		b.noteUnaccounted(grant.Access, facts, twinUnproved, failed)
		failed = nil
	}
	b.settle(record, failed)
	return nil
}
