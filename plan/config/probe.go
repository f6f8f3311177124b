package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
)

func (l *loader) readProbes(b *body) []Probe {
	var probes []Probe
	first := map[string]hcl.Range{}
	for _, block := range b.blocks {
		if block.Type != "probe" {
			continue
		}
		p := l.readProbe(block)
		if other, twice := first[p.Name]; twice {
			l.errorf(&block.LabelRanges[0], fmt.Sprintf("probe %q is declared twice", p.Name), "The first one is at %s.", lineOf(other))
		} else {
			first[p.Name] = p.Range
		}
		probes = append(probes, p)
	}
	return probes
}

func (l *loader) readProbe(block *hcl.Block) Probe {
	b := l.body(block, probeLayout)
	p := Probe{Name: block.Labels[0], Interval: DefaultInterval, Timeout: DefaultTimeout, Place: b.place}
	l.checkName("probe", p.Name, &block.LabelRanges[0])
	if text, ok := b.text("tcp"); ok {
		p.TCP = text
		if err := checkTCP(text); err != nil {
			l.errorf(b.at("tcp"), fmt.Sprintf("%s is nothing to connect to", quoted(text)), "%s", sentence(err.Error()))
		}
	}
	if text, ok := b.text("http"); ok {
		p.HTTP = text
		if err := checkHTTP(text); err != nil {
			l.errorf(b.at("http"), "this is no URL to probe", "%s", sentence(err.Error()))
		}
	}
	switch {
	case p.TCP != "" && p.HTTP != "":
		l.errorf(b.at("http"), "a probe has either tcp or http", "Write a second probe block for the other one.")
	case b.absent("tcp") && b.absent("http"):
		l.errorf(&b.place.Range, "the probe asks for nothing", `It has either tcp = "192.0.2.10:443" or http = "http://192.0.2.10/".`)
	}
	l.readWithin(b, "interval", &p.Interval, time.Millisecond)
	l.readWithin(b, "timeout", &p.Timeout, 10*time.Millisecond)
	return p
}

// readWithin reads a duration from a least one up to a minute.
func (l *loader) readWithin(b *body, name string, into *time.Duration, least time.Duration) {
	const most = time.Minute
	d, ok := b.duration(name)
	if !ok {
		return
	}
	if d < least || d > most {
		l.errorf(b.at(name), fmt.Sprintf("%s %s is out of bounds", name, d), "It is from %s to 60s.", least)
		return
	}
	*into = d
}

func checkTCP(s string) error {
	host, port, err := net.SplitHostPort(s)
	switch {
	case err != nil && addressProblem(s) == "":
		return fmt.Errorf("the port is missing: %q", net.JoinHostPort(s, "443"))
	case err != nil:
		return errors.New(`it looks like "192.0.2.10:443", with an IPv6 address in brackets`)
	}
	if err := checkPort(port); err != nil {
		return err
	}
	return checkHost(host)
}

func checkHost(host string) error {
	if hint := addressProblem(host); hint != "" {
		return fmt.Errorf("the host is not an address: %s", lowerFirst(hint[:len(hint)-1]))
	}
	return nil
}

func checkPort(port string) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("the port is not a number from 1 to 65535")
	}
	return nil
}

// checkHTTP never quotes the URL: there may be a password in it.
func checkHTTP(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("it can't be read as a URL")
	case u.User != nil:
		return errors.New("it holds credentials, which would be written into the plan file; probe something that needs none")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it begins with http:// or https://")
	case u.Hostname() == "":
		return errors.New("it names no host")
	}
	if port := u.Port(); port != "" {
		if err := checkPort(port); err != nil {
			return err
		}
	}
	return checkHost(u.Hostname())
}
