package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// usualTokens is how many tokens a listing asks for at first. ProcessMaker
	// loads all of the user's for any page, and sets no limit to its size.
	usualTokens = 1024
	// mostTokens bounds a listing.
	mostTokens = 50_000
	// listedTokenBytes is above what a listed token takes: about 560 bytes, and
	// 3,060 more if whoever named it chose 255 characters that JSON escapes.
	listedTokenBytes = 4 << 10
	// mostListBytes bounds a listing of usual names.
	mostListBytes = 64 << 20
	// listTimeout bounds a listing. ProcessMaker takes 0.11 ms a token on an idle
	// server, so that mostTokens take 6 s there and ten times that on a busy one.
	// A gateway gives up after a minute too.
	listTimeout = time.Minute
)

// NamedToken is a personal access token as ProcessMaker lists it.
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

// PersonalTokens lists the personal access tokens of the user userID that are
// not revoked, with the authority of bearer. It is dear for the server. Failures
// are of type *Error.
//
// A list is always one answer. ProcessMaker orders tokens by ids that are random,
// so with every one made or ended meanwhile others would move between pages, and
// who looks for a token that was passed over would think it dead.
func (c *Client) PersonalTokens(ctx context.Context, bearer Token, userID string) ([]NamedToken, error) {
	for room := usualTokens; ; {
		tokens, total, err := c.listTokens(ctx, bearer, userID, room)
		switch {
		case err != nil:
			return nil, err
		case len(tokens) >= total && len(tokens) < room:
			return tokens, nil
		case total < room && len(tokens) < total:
			return nil, &Error{Kind: NotProcessMaker, Operation: listTokens, Status: http.StatusOK, Detail: "the answer lists fewer tokens than it says there are"}
		case max(total, room) >= mostTokens:
			return nil, &Error{Kind: NotProcessMaker, Operation: listTokens, Detail: "the user has too many live personal access tokens to list; delete those in ProcessMaker that nobody needs"}
		}
		// Some more may be made until then.
		room = max(total, room) + usualTokens
	}
}

// listTokens asks for as many tokens as there is room for. total is how many
// there are by the answer's own word.
func (c *Client) listTokens(ctx context.Context, bearer Token, userID string, room int) (tokens []NamedToken, total int, err error) {
	query := url.Values{"per_page": {strconv.Itoa(room)}, "page": {"1"}}
	asked := call{operation: listTokens, lane: listing, timeout: listTimeout, mostBytes: min(room*listedTokenBytes, mostListBytes)}
	r, err := c.askAPI(ctx, http.MethodGet, bearer, nil, asked, query, "users", userID, "tokens")
	if err != nil {
		return nil, 0, err
	}
	if r.status != http.StatusOK {
		return nil, 0, apiFailure(listTokens, r)
	}
	unlike := func(detail string) error {
		return &Error{Kind: NotProcessMaker, Operation: listTokens, Status: r.status, Detail: detail}
	}
	var listed struct {
		Data []*struct {
			// Passport's ids are texts; a number is no token's.
			ID        string          `json:"id"`
			Name      json.RawMessage `json:"name"`
			CreatedAt any             `json:"created_at"`
		} `json:"data"`
		Meta struct {
			Total *int `json:"total"`
		} `json:"meta"`
	}
	if !r.json || json.Unmarshal(r.body, &listed) != nil || listed.Data == nil || listed.Meta.Total == nil || *listed.Meta.Total < 0 {
		// A list that is missing, or whose end nobody can tell, is not an empty
		// one: who looks for a token would think it dead.
		return nil, 0, unlike("the answer is no list of tokens")
	}
	tokens = make([]NamedToken, 0, len(listed.Data))
	for _, token := range listed.Data {
		if token == nil || token.ID == "" {
			return nil, 0, unlike("the answer lists a token without an id")
		}
		var name string
		// There are tokens without a name, whose name is null.
		if token.Name == nil || json.Unmarshal(token.Name, &name) != nil {
			return nil, 0, unlike("the answer lists a token without saying its name")
		}
		created, _ := token.CreatedAt.(string)
		tokens = append(tokens, NamedToken{ID: token.ID, Name: name, CreatedTime: createdTime(created)})
	}
	return tokens, *listed.Meta.Total, nil
}
