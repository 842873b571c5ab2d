package mounttest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/testhelpers/schema"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// Heard is what a client of Vault makes of an answer: one that brings its own status of a failure
// is an error.
func Heard(resp *logical.Response, err error) (*logical.Response, error) {
	if err != nil || resp == nil {
		return resp, err
	}
	status, _ := resp.Data[logical.HTTPStatusCode].(int)
	if status < 400 {
		return resp, nil
	}
	var answer struct{ Errors []string }
	body, _ := resp.Data[logical.HTTPRawBody].([]byte)
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	return nil, logical.CodedError(status, strings.Join(answer.Errors, "\n"))
}

// checkAnswer compares every answer of every test with what the path says that
// it answers.
func (h *Mount) checkAnswer(operation logical.Operation, path string, resp *logical.Response, err error) {
	h.T.Helper()
	if err != nil || resp == nil || resp.IsError() || operation == logical.HelpOperation {
		return
	}
	route := h.Backend.Route(path)
	require.NotNil(h.T, route, path)
	schema.ValidateResponse(h.T, schema.GetResponseSchema(h.T, route, operation), resp, true)
}

// Status is the HTTP status that Vault would give.
func Status(resp *logical.Response, err error) int {
	resp, err = Heard(resp, err)
	var coded logical.HTTPCodedError
	switch {
	case errors.As(err, &coded):
		return coded.Code()
	case err != nil:
		return 500
	case resp.IsError():
		return 400
	default:
		return 200
	}
}

func Message(resp *logical.Response, err error) string {
	resp, err = Heard(resp, err)
	if err != nil {
		return err.Error()
	}
	if resp.IsError() {
		return resp.Error().Error()
	}
	return ""
}

// CheckSchema compares an answer's keys with the schema of the credential.
func (h *Mount) CheckSchema(resp *logical.Response) {
	h.T.Helper()
	h.CheckFields(h.Backend.Route("creds/ci").Operations[logical.ReadOperation].Properties().Responses[200][0].Fields, resp.Data)
}

func (h *Mount) CheckFields(fields map[string]*framework.FieldSchema, data map[string]any) {
	h.T.Helper()
	for name := range data {
		require.Contains(h.T, fields, name)
	}
	for name := range fields {
		require.Contains(h.T, data, name)
	}
	require.NoError(h.T, (&framework.FieldData{Raw: data, Schema: fields}).ValidateStrict())
}
