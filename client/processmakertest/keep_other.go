//go:build !unix

package processmakertest

import "errors"

// keepPort keeps nothing where sockets cannot be bound without listening.
func keepPort(string) (letGo func(), err error) { return nil, errors.ErrUnsupported }
