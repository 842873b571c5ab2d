package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// configured returns the settings, or what to answer while there are none.
func (b *backend) configured(ctx context.Context, req *logical.Request) (*settings, *logical.Response, error) {
	current, err := b.settings.load(ctx, req.Storage, b.clock)
	if err != nil {
		return nil, nil, err
	}
	if current == nil || current.config.Deleted {
		return nil, logical.ErrorResponse("this mount has no config: write url and an auth client to %sconfig first", req.MountPoint), nil
	}
	return current, nil, nil
}

// requestedRole returns the role that a request names, with the settings, or what to
// answer where one of them is not there.
func (b *backend) requestedRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*loadedRole, *settings, *logical.Response, error) {
	current, resp, err := b.configured(ctx, req)
	if current == nil {
		return nil, nil, resp, err
	}
	name := data.Get("name").(string)
	role, err := b.roles.load(ctx, req.Storage, name)
	switch {
	case err != nil:
		return nil, current, nil, err
	case role == nil:
		return nil, current, logical.ErrorResponse("there is no role %q: write it to %sroles/%s, or list %sroles", name, req.MountPoint, name, req.MountPoint), nil
	}
	return role, current, nil, nil
}
