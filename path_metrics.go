package main

import (
	"context"
	"net/http"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/metrics"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const metricsHelp = `
The numbers of the mount on the active node: by default as JSON, under the names
of the series; with format=prometheus as text that Prometheus scrapes with a
Vault token. Reading them makes no call to ProcessMaker. Counters count from the
start of the plugin. The series of a role begin with its first use after that.

For example:

    vault read <mount>/metrics
`

const (
	formatJSON       = "json"
	formatPrometheus = "prometheus"
)

func (b *backend) metricsPaths() []*framework.Path {
	format := choice(formatJSON, []any{formatJSON, formatPrometheus}, "Format of the answer: JSON, or Prometheus's text format.", display("Format", ""))
	format.Query = true
	return []*framework.Path{path("metrics", `Shows the numbers of the mount for monitoring.`, metricsHelp, map[string]*framework.FieldSchema{"format": format}, map[logical.Operation]framework.OperationHandler{
		logical.ReadOperation: onActive(b.readMetrics, named{"read", "metrics"}, "Read the numbers of the mount for monitoring.",
			responds("The series by name: a number, or a list of objects with labels and value.", nil)),
	})}
}

func (b *backend) readMetrics(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	format := data.Get("format").(string)
	if format != formatJSON && format != formatPrometheus {
		return nil, problem.Refusef("field \"format\" must be one of: %s, %s", formatJSON, formatPrometheus)
	}
	series, err := b.engine.Metrics(ctx, version)
	if err != nil {
		return nil, err
	}
	if format != formatPrometheus {
		return &logical.Response{Data: metrics.Data(series)}, nil
	}
	text, err := metrics.Text(series)
	if err != nil {
		return nil, err
	}
	return &logical.Response{Data: map[string]any{
		logical.HTTPContentType: metrics.ContentType,
		logical.HTTPStatusCode:  http.StatusOK,
		logical.HTTPRawBody:     text,
	}}, nil
}
