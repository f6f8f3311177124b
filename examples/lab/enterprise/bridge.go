//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// answer is what an API function returns: an HTTP status and a body.
type answer struct {
	Code int `json:"code"`
	Body any `json:"body"`
}

// failure is the body of an answer 400, success the one of a change. In the
// product's JSON, booleans are strings.
type failure struct {
	Description string `json:"description"`
	Error       string `json:"error"`
	Message     string `json:"message"`
}

type success struct {
	Description string `json:"description"`
	Success     string `json:"success"`
	Message     string `json:"message"`
}

func refuse(description, message string) answer {
	return answer{400, failure{description, "true", message}}
}

func done(description, message string) answer {
	return answer{200, success{description, "true", message}}
}

// functions are the API functions that the lab has, by module and name.
var functions = map[[2]string]func(args []json.RawMessage) (answer, error){
	{own.module, "set_cluster_actions"}:      setClusterActions,
	{own.module, "get_cluster_nodes_status"}: getClusterNodesStatus,
}

// bridge calls an API function with the arguments that in holds as a JSON array
// and writes its answer as an array of one. It exits 0 for an answer 400 too.
func bridge(module, function string, in io.Reader, out io.Writer) (exit int) {
	call, ok := functions[[2]string{module, function}]
	if !ok {
		fmt.Fprintf(os.Stderr, "enterprise.bin: %s::%s is not part of the lab\n", module, function)
		return 1
	}
	var args []json.RawMessage
	if err := json.NewDecoder(in).Decode(&args); err != nil {
		fmt.Fprintf(os.Stderr, "enterprise.bin: arguments: %v\n", err)
		return 1
	}
	result, err := call(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "enterprise.bin: %s: %v\n", function, err)
		return 1
	}
	if err := json.NewEncoder(out).Encode([]answer{result}); err != nil {
		return 1
	}
	return 0
}
