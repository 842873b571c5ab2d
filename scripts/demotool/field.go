package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
)

func field(out io.Writer, file string, path []string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, name := range path {
		next, ok := step(value, name)
		if !ok {
			return fmt.Errorf("%s has no %s in %v", file, name, path)
		}
		value = next
	}
	_, err = fmt.Fprintln(out, value)
	return err
}

func step(value any, name string) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		next, ok := value[name]
		return next, ok
	case []any:
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(value) {
			return nil, false
		}
		return value[i], true
	}
	return nil, false
}
