package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// mostTokens bounds a listing. ProcessMaker loads all of the user's tokens for
	// any page, and sets no limit to the size of one.
	mostTokens = 50_000
	// longestItem bounds one token of a list, and what stands between two: a
	// listed token takes about 560 bytes, and 3,060 more with a name of 255
	// characters that JSON escapes.
	longestItem = 16 << 10
	// mostListBytes bounds a listing of usual names.
	mostListBytes = 64 << 20
	// listTimeout bounds a listing. ProcessMaker takes 0.11 ms a token on an idle
	// server, so that mostTokens take 6 s there and ten times that on a busy one.
	// A gateway gives up after a minute too.
	listTimeout = time.Minute
)

// NamedToken is a personal access token as ProcessMaker lists it. Names need not
// be unique. A token whose making was cut off has none.
type NamedToken struct {
	ID, Name string
	// CreatedTime is zero where the answer tells none.
	CreatedTime time.Time
}

// createdTime reads the time of creation in both of ProcessMaker's forms:
// releases before 4.3 write it without a time zone, in UTC.
func createdTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// PersonalTokens calls each with every personal access token of the user userID
// that is not revoked, with the authority of bearer. Only if it returns nil were
// those all: after a failure, which is of type *Error, none of them count. each is
// called while the list arrives, so it makes no calls of its own. Nothing of the
// list is kept. A listing is dear for the server, and may take a minute.
//
// A list is always one answer. ProcessMaker orders tokens by ids that are random,
// so with every one made or ended in between others would move between pages, and a
// token that was passed over would be thought dead.
func (c *Client) PersonalTokens(ctx context.Context, bearer Token, userID string, each func(NamedToken)) error {
	list := call{
		method: http.MethodGet,
		query:  url.Values{"per_page": {strconv.Itoa(mostTokens)}, "page": {"1"}},

		operation: listTokens,
		lane:      listing,
		timeout:   listTimeout,
		mostBytes: mostListBytes,
		stream:    func(body io.Reader) error { return newTokenListReader(body, each).read() },
	}
	r, err := c.askAPI(ctx, bearer, list, "users", userID, "tokens")
	switch {
	case err != nil:
		return err
	case r.status != http.StatusOK:
		return apiFailure(listTokens, r)
	case !r.json:
		return &Error{Kind: NotProcessMaker, Operation: listTokens, Status: r.status, Detail: "the answer is no list of tokens"}
	default:
		return nil
	}
}
