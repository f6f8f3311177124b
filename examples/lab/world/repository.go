//go:build linux

package world

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

const (
	repositoryHost = "repo.zevenet.com"
	repositoryPath = "/ee/v6/4.19-amd64"
	repositoryLine = "deb [trusted=yes] https://" + repositoryHost + repositoryPath + " buster main"
)

// offer is what the repository does.
type offer struct {
	Files    map[string][]byte // by the path below repositoryPath
	Down     bool              // nobody listens
	DenyPool []string          // addresses that get the lists but no package
}

// repository is the vendor's package repository: real HTTPS on the keeper's own
// address.
type repository struct {
	mu       sync.Mutex
	offer    offer
	listener net.Listener
	tls      *tls.Config
}

func newRepository(cert, key string) (*repository, error) {
	if cert == "" { // plain nodes: their own folder of packages, over HTTP
		return &repository{}, nil
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		return nil, err
	}
	return &repository{tls: &tls.Config{Certificates: []tls.Certificate{pair}}}, nil
}

// set changes what the repository does from now on.
func (r *repository) set(o offer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offer = o
	if r.listener != nil && o.Down {
		err := r.listener.Close()
		r.listener = nil
		return err
	}
	if r.listener == nil && !o.Down {
		return r.listen()
	}
	return nil
}

func (r *repository) listen() error {
	if r.tls == nil {
		return r.listenPlainly()
	}
	l, err := tls.Listen("tcp", repositoryAddress+":443", r.tls)
	if err != nil {
		return fmt.Errorf("serve the repository: %w", err)
	}
	r.listener = l
	server := &http.Server{Handler: r, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	return nil
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	o := r.offer
	r.mu.Unlock()
	name, ok := strings.CutPrefix(req.URL.Path, repositoryPath+"/")
	body, found := o.Files[name]
	peer, _, _ := net.SplitHostPort(req.RemoteAddr)
	switch {
	case !ok || !found:
		http.NotFound(w, req)
	case strings.HasPrefix(name, "pool/") && slices.Contains(o.DenyPool, peer):
		http.Error(w, "the lab's fault: no package for "+peer, http.StatusForbidden)
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body)
	}
}

// listenPlainly serves the packages that lie in the base system: Debian's own, and newer
// ones made from them.
func (r *repository) listenPlainly() error {
	l, err := net.Listen("tcp", repositoryAddress+":80")
	if err != nil {
		return fmt.Errorf("serve the repository: %w", err)
	}
	r.listener = l
	server := &http.Server{Handler: http.FileServer(http.Dir("/lab/base/lab/repository")), ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	return nil
}
