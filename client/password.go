package client

import (
	"context"
	"encoding/json"
	"net/http"
)

const changePassword = "password change"

// ChangePassword gives the user of bearer another password; the old one is not
// asked for, and no token ends by it. It is not throttled. ProcessMaker removes
// what it takes for markup (< > {{ }}) from a password without a word.
//
// LeftThePassword tells of which failures the old password certainly holds.
// After every other one, a 200 without the word of success among them, only a
// login can tell.
func (c *Client) ChangePassword(ctx context.Context, bearer Token, password string) error {
	body, err := json.Marshal(map[string]string{"password": password, "confpassword": password})
	if err != nil {
		return &Error{Kind: BadRequest, Operation: changePassword, Detail: "the password cannot be encoded", NotSent: true}
	}
	r, err := c.askAPI(ctx, bearer, call{method: http.MethodPut, body: body, operation: changePassword, lane: foreground}, "password", "change")
	if err != nil {
		return err
	}
	switch {
	case r.status == http.StatusOK && r.json:
		return changeConfirmed(r)
	case r.status == http.StatusUnprocessableEntity && r.json:
		return &Error{Kind: PasswordRefused, Operation: changePassword, Status: r.status}
	case (r.status == http.StatusNotFound || r.status == http.StatusMethodNotAllowed) && r.json:
		return &Error{Kind: NotFound, Operation: changePassword, Status: r.status, Detail: "users can change their own password from ProcessMaker 4.2.19 on"}
	default:
		return apiFailure(changePassword, r)
	}
}

// changeConfirmed looks for the word of success. ProcessMaker answers 200 with
// the text "false" where it could not save.
func changeConfirmed(r *reply) error {
	var done struct {
		Success any `json:"success"`
	}
	if json.Unmarshal(r.body, &done) != nil || done.Success != "ok" {
		return &Error{Kind: Unavailable, Operation: changePassword, Status: r.status, Detail: "the answer does not confirm the change"}
	}
	return nil
}

// LeftThePassword tells whether the failed change behind err had no effect for
// sure.
func LeftThePassword(err error) bool {
	if CertainlyNotDone(err) {
		return true
	}
	switch KindOf(err) {
	case PasswordRefused, TokenRefused, Forbidden, NotFound:
		return true
	default:
		return false
	}
}
