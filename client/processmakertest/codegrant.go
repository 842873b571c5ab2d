package processmakertest

import (
	"crypto/sha256"
	"crypto/subtle"
	"regexp"
	"time"
)

// Approval is what a user agrees to on the product's sign-in pages. Empty
// fields were not part of the authorize request.
type Approval struct {
	ClientID            int64
	Username            string
	RedirectURI         string
	CodeChallenge       string
	CodeChallengeMethod string // "S256" or "plain"
}

// codeLifetime is how long an authorization code can be exchanged.
const codeLifetime = 10 * time.Minute

// proofShape is the form that RFC 7636 gives to verifiers and challenges.
var proofShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// codeContent is what an authorization code holds.
type codeContent struct {
	ClientID            string   `json:"client_id"`
	RedirectURI         string   `json:"redirect_uri"`
	AuthCodeID          string   `json:"auth_code_id"`
	Scopes              []string `json:"scopes"`
	UserID              string   `json:"user_id"`
	ExpireTime          int64    `json:"expire_time"`
	CodeChallenge       string   `json:"code_challenge"`
	CodeChallengeMethod string   `json:"code_challenge_method"`
}

// AuthorizationCode gives the code that the sign-in pages would send to the
// redirect URI after the user approved, for tests that are not about the pages;
// SignIn goes through them. It is "" for a user who is not there.
func (s *Server) AuthorizationCode(approval Approval) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.data.userByName(approval.Username)
	if user == nil || user.Deleted {
		return ""
	}
	return s.issueCode(user, authorization{
		clientID:        formatID(approval.ClientID),
		redirectURI:     approval.RedirectURI,
		challenge:       approval.CodeChallenge,
		challengeMethod: approval.CodeChallengeMethod,
	})
}

// issueCode is called with the server's lock held.
func (s *Server) issueCode(user *userRow, asked authorization) string {
	id := s.data.source.identifier("code", s.data.next())
	s.data.codes[id] = &codeRow{}
	return s.data.seal(codeContent{
		ClientID:            asked.clientID,
		RedirectURI:         asked.redirectURI,
		AuthCodeID:          id,
		Scopes:              append([]string{}, asked.scopes...),
		UserID:              formatID(user.ID),
		ExpireTime:          s.config.Clock().Add(codeLifetime).Unix(),
		CodeChallenge:       asked.challenge,
		CodeChallengeMethod: asked.challengeMethod,
	})
}

// codeGrant leaves the code's scopes alone: "*" is the only one there is, and
// the product drops it in this grant.
//
// It uses the code up only once everything has been found right, so
// that a failed try does not cost it.
func (v *visit) codeGrant() (issued, *oauthError) {
	order, refusal := v.authenticateClient(grantAuthorizationCode)
	if refusal != nil {
		return issued{}, refusal
	}
	text, ok := v.text("code")
	if !ok {
		return issued{}, invalidRequest("code")
	}
	var code codeContent
	if !v.server.data.unseal(text, &code) || code.AuthCodeID == "" {
		return issued{}, v.world.deadCode.because(v.world.garbledCode)
	}
	if refusal := v.checkCode(code, order); refusal != nil {
		return issued{}, refusal
	}
	if refusal := v.checkVerifier(code); refusal != nil {
		return issued{}, refusal
	}
	v.server.data.codes[code.AuthCodeID].revoked = true
	order.userID = code.UserID
	order.refresh = true
	return v.issue(order)
}

func (v *visit) checkCode(code codeContent, order issueOrder) *oauthError {
	if v.server.config.Clock().Unix() > code.ExpireTime {
		return v.world.deadCode.because("Authorization code has expired")
	}
	if row := v.server.data.codes[code.AuthCodeID]; row == nil || row.revoked {
		return v.world.deadCode.because("Authorization code has been revoked")
	}
	if code.ClientID != order.clientID {
		return invalidRequestHint("Authorization code was not issued to this client")
	}
	uri, present := v.text("redirect_uri")
	if code.RedirectURI != "" && !present {
		return invalidRequest("redirect_uri")
	}
	if code.RedirectURI != uri {
		return invalidRequestHint("Invalid redirect URI")
	}
	return nil
}

// checkVerifier is the proof key check. A verifier without a challenge is refused.
func (v *visit) checkVerifier(code codeContent) *oauthError {
	verifier, present := v.text("code_verifier")
	if code.CodeChallenge == "" {
		if present {
			return invalidRequestHint("code_verifier received when no code_challenge is present")
		}
		return nil
	}
	if !present {
		return invalidRequest("code_verifier")
	}
	if !proofShape.MatchString(verifier) {
		return invalidRequestHint("Code Verifier must follow the specifications of RFC-7636.")
	}
	challenge := verifier
	if code.CodeChallengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		challenge = strictBase64.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(code.CodeChallenge)) != 1 {
		return invalidGrant("Failed to verify `code_verifier`.")
	}
	return nil
}
