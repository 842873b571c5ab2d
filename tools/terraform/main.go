// Command terraform reads a Terraform configuration of Vault's resources and
// prints them as JSON in the order in which Terraform makes them, with their
// attributes worked out. Terraform destroys them in the opposite order. The
// acceptance tests do by it what Terraform would do, without its provider, which
// cannot be had everywhere Go modules can.
//
//	terraform FILE [VARIABLE=VALUE...]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// resource is one resource of the configuration.
type resource struct {
	Type       string                             `json:"type"`
	Name       string                             `json:"name"`
	Attributes map[string]ctyjson.SimpleJSONValue `json:"attributes"`

	block *hclsyntax.Block
	needs []string
}

func (r *resource) address() string { return r.Type + "." + r.Name }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "terraform:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: terraform FILE [VARIABLE=VALUE...]")
	}
	source, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	file, problems := hclsyntax.ParseConfig(source, args[0], hcl.InitialPos)
	if problems.HasErrors() {
		return problems
	}
	variables := map[string]cty.Value{}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		variables[name] = cty.StringVal(value)
	}
	resources, err := ordered(file.Body.(*hclsyntax.Body))
	if err != nil {
		return err
	}
	if err := workOut(resources, variables); err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(resources)
}

// ordered gives the resources with each after those it needs. Of those that are
// ready Terraform makes any; here it is the last of the file, so that a need
// which is not written down shows.
func ordered(body *hclsyntax.Body) (all []*resource, err error) {
	byAddress := map[string]*resource{}
	var waiting []*resource
	for _, block := range body.Blocks {
		if block.Type != "resource" {
			continue
		}
		r := &resource{Type: block.Labels[0], Name: block.Labels[1], Attributes: map[string]ctyjson.SimpleJSONValue{}, block: block}
		for _, attribute := range block.Body.Attributes {
			for _, traversal := range attribute.Expr.Variables() {
				if len(traversal) > 1 && traversal.RootName() != "var" {
					r.needs = append(r.needs, traversal.RootName()+"."+traversal[1].(hcl.TraverseAttr).Name)
				}
			}
		}
		byAddress[r.address()] = r
		waiting = append(waiting, r)
	}
	done := map[string]bool{}
	for len(waiting) > 0 {
		next := -1
		for i, r := range waiting {
			ready := true
			for _, need := range r.needs {
				if byAddress[need] == nil {
					return nil, fmt.Errorf("%s needs %s, which is not there", r.address(), need)
				}
				ready = ready && done[need]
			}
			if ready {
				next = i
			}
		}
		if next < 0 {
			return nil, fmt.Errorf("%s and others need each other", waiting[0].address())
		}
		done[waiting[next].address()] = true
		all = append(all, waiting[next])
		waiting = slices.Delete(waiting, next, next+1)
	}
	return all, nil
}

// workOut gives the attributes their values.
func workOut(resources []*resource, variables map[string]cty.Value) error {
	known := map[string]map[string]cty.Value{}
	for _, r := range resources {
		context := &hcl.EvalContext{
			Variables: map[string]cty.Value{"var": cty.ObjectVal(variables)},
			Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc},
		}
		for kind, named := range known {
			context.Variables[kind] = cty.ObjectVal(named)
		}
		values := map[string]cty.Value{}
		for name, attribute := range r.block.Body.Attributes {
			if name == "depends_on" {
				continue
			}
			value, problems := attribute.Expr.Value(context)
			if problems.HasErrors() {
				return problems
			}
			values[name] = value
			r.Attributes[name] = ctyjson.SimpleJSONValue{Value: value}
		}
		if known[r.Type] == nil {
			known[r.Type] = map[string]cty.Value{}
		}
		known[r.Type][r.Name] = cty.ObjectVal(values)
	}
	return nil
}
