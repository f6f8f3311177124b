package vrrp

import "strings"

// AskAll is the part that asks keepalived for its data, and prints all of what it says
// about VRRP. keepalived_data.sh prints the first instance's state and nothing else.
func AskAll() string {
	text := part("keepalived_data.sh")
	from := strings.Index(text, "# lines returns")
	to := strings.Index(text, "# await_parent")
	if from < 0 || to < 0 {
		panic("keepalived_data.sh is not as it was") // embedded: found by every test
	}
	return text[:from] + part("all_lines.pl") + "\n" + text[to:]
}

func part(name string) string {
	data, err := Scripts.ReadFile("node/" + name)
	if err != nil {
		panic(err) // embedded: found by every test
	}
	return string(data)
}
