package processmakertest

import (
	"fmt"
	"strconv"
	"strings"
)

// release is a version of the product.
type release [3]int

// parseRelease reads "4.15.5", "4.7" or "4.15.6+beta-3".
func parseRelease(text string) (release, error) {
	number, _, _ := strings.Cut(text, "+")
	number, _, _ = strings.Cut(number, "-")
	parts := strings.Split(number, ".")
	var r release
	if len(parts) > len(r) {
		return r, fmt.Errorf("release %q has more than three numbers", text)
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return r, fmt.Errorf("release %q is not a version", text)
		}
		r[i] = n
	}
	return r, nil
}

func (r release) before(other release) bool {
	for i := range r {
		if r[i] != other[i] {
			return r[i] < other[i]
		}
	}
	return false
}

// lacksPasswordGrant is true for the two releases that switched it off by mistake.
func (r release) lacksPasswordGrant() bool {
	return !r.before(release{4, 14, 0}) && r.before(release{4, 14, 2})
}

// failsOnUnnamedDelete is true since deleting a token builds an audit event
// that cannot be built without a name.
func (r release) failsOnUnnamedDelete() bool { return !r.before(release{4, 7, 0}) }

// checksHost is true since requests for a foreign host name are refused.
func (r release) checksHost() bool { return !r.before(release{4, 14, 2}) }

// reservesTokensOfOthers is true since only administrators create tokens for
// somebody else; before, the permission to edit users was enough.
func (r release) reservesTokensOfOthers() bool { return !r.before(release{4, 15, 1}) }

// namesTenant is true since every answer says which tenant gave it.
func (r release) namesTenant() bool { return !r.before(release{4, 15, 5}) }

// comparesUsername is true since a middleware compares the user name of an
// update before anything has validated that there is one.
func (r release) comparesUsername() bool { return !r.before(release{4, 8, 0}) }

// hasPasswordChange is true since users can change their own password by API.
func (r release) hasPasswordChange() bool { return !r.before(release{4, 2, 19}) }
