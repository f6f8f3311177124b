package ssh

import (
	"fmt"
	"time"
)

// keepalive asks the server for a sign of life and gives the connection up when
// none comes in time. The request has no deadline of its own and may hang for as
// long as TCP does, so it is sent from a goroutine that ends with the connection.
func (c *conn) keepalive(interval, deadline time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-tick.C:
		}
		answered := make(chan error, 1)
		go func() {
			// OpenSSH refuses this request, which is an answer too.
			_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		late := time.NewTimer(deadline)
		select {
		case <-c.gone:
			return
		case err := <-answered:
			late.Stop()
			if err != nil {
				c.end(err)
				return
			}
		case <-late.C:
			c.end(fmt.Errorf("no sign of life for %v", deadline))
			return
		}
	}
}
