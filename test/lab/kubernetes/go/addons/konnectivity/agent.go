package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

const dialTimeout = 5 * time.Second

type agent struct {
	id, caFile, host, tokenFile, healthHost string
	port, healthPort                        int
	syncInterval, syncIntervalCap, keep     time.Duration
	syncForever                             bool

	mu      sync.Mutex
	servers map[string]bool
	wanted  int
}

func newAgent(f *pflag.FlagSet) func() error {
	a := &agent{servers: map[string]bool{}, wanted: 1}
	f.StringVar(&a.id, "agent-id", rand.Text(), "")
	f.StringVar(&a.caFile, "ca-cert", "", "")
	f.StringVar(&a.host, "proxy-server-host", "127.0.0.1", "")
	f.IntVar(&a.port, "proxy-server-port", 8091, "")
	f.StringVar(&a.healthHost, "health-server-host", "", "")
	f.IntVar(&a.healthPort, "health-server-port", 8093, "")
	f.Int("admin-server-port", 8094, "accepted; nothing listens there")
	f.StringVar(&a.tokenFile, "service-account-token-path", "", "")
	f.DurationVar(&a.syncInterval, "sync-interval", time.Second, "")
	f.DurationVar(&a.syncIntervalCap, "sync-interval-cap", 10*time.Second, "")
	f.DurationVar(&a.keep, "keepalive-time", time.Hour, "")
	f.BoolVar(&a.syncForever, "sync-forever", false, "")
	return a.run
}

func (a *agent) run() error {
	go health(a.healthHost, a.healthPort, a.ready, nil)
	wait := a.syncInterval
	for {
		switch err := a.connectOnce(); {
		case err == nil:
			wait = a.syncInterval
		default:
			log.Printf("cannot connect once: %v", err)
			wait = min(wait*3/2, a.syncIntervalCap)
		}
		for a.complete() {
			time.Sleep(a.syncInterval)
		}
		time.Sleep(wait)
	}
}

// Without --sync-forever an agent that found all its servers never looks for another.
func (a *agent) complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.servers) >= a.wanted || (!a.syncForever && len(a.servers) > 0 && a.wanted == 1)
}

func (a *agent) ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.servers) == 0 {
		return errors.New("agent is not connected to any server")
	}
	return nil
}

func (a *agent) dialServer() (*grpc.ClientConn, error) {
	pem, err := os.ReadFile(a.caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", a.caFile)
	}
	// One connection a stream: a load balancer then decides anew which server it leads to.
	return grpc.NewClient("passthrough:///"+net.JoinHostPort(a.host, strconv.Itoa(a.port)),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: a.host, MinVersion: tls.VersionTLS12})),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: a.keep, PermitWithoutStream: true}))
}

// connectOnce finds one more server; it fails when that is one already known.
func (a *agent) connectOnce() error {
	cc, err := a.dialServer()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), agentIDKey, a.id))
	end := func() { cancel(); cc.Close() }
	if a.tokenFile != "" {
		token, err := os.ReadFile(a.tokenFile)
		if err != nil {
			end()
			return err
		}
		ctx = metadata.AppendToOutgoingContext(ctx, authorization, bearer+strings.TrimSpace(string(token)))
	}
	timer := time.AfterFunc(10*time.Second, cancel)
	stream, err := cc.NewStream(ctx, &connectStream, connectMethod)
	if err != nil {
		end()
		return err
	}
	head, err := stream.Header()
	timer.Stop()
	ids, counts := head.Get(serverIDKey), head.Get(serverCountKey)
	if err == nil && (len(ids) != 1 || len(counts) == 0) {
		// The server ended the call: its reason comes with the first message.
		err = stream.RecvMsg(&client.Packet{})
		if err == nil {
			err = errors.New("the server told neither its id nor how many there are")
		}
	}
	if err != nil {
		end()
		return err
	}
	count, _ := strconv.Atoi(counts[0])
	a.mu.Lock()
	known := a.servers[ids[0]]
	a.servers[ids[0]] = true
	a.wanted = max(count, 1)
	a.mu.Unlock()
	if known {
		end()
		return fmt.Errorf("already connected to server %s", ids[0])
	}
	log.Printf("connected to server %s, one of %d", ids[0], count)
	go func() {
		err := (&relay{out: &packets{stream: stream}, conns: map[int64]chan []byte{}, dials: map[int64]context.CancelFunc{}}).serve()
		a.mu.Lock()
		delete(a.servers, ids[0])
		a.mu.Unlock()
		end()
		log.Printf("lost server %s: %v", ids[0], err)
	}()
	return nil
}

// relay carries the connections that one server asked for.
type relay struct {
	out    *packets
	lastID atomic.Int64

	mu    sync.Mutex
	conns map[int64]chan []byte // closed: end the connection
	dials map[int64]context.CancelFunc
}

func (r *relay) serve() error {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for id := range r.conns {
			r.drop(id)
		}
		for _, cancel := range r.dials {
			cancel()
		}
	}()
	for {
		m, err := r.out.receive()
		if err != nil {
			return err
		}
		switch m.Type {
		case client.PacketType_DIAL_REQ:
			r.startDial(m.GetDialRequest())
		case client.PacketType_DIAL_CLS:
			r.mu.Lock()
			if cancel := r.dials[m.GetCloseDial().Random]; cancel != nil {
				cancel()
			}
			r.mu.Unlock()
		case client.PacketType_DATA:
			r.mu.Lock()
			in := r.conns[m.GetData().ConnectID]
			r.mu.Unlock()
			if in != nil {
				deliver(in, m.GetData().Data)
			}
		case client.PacketType_CLOSE_REQ:
			r.mu.Lock()
			r.drop(m.GetCloseRequest().ConnectID)
			r.mu.Unlock()
		}
	}
}

// The connection may have ended meanwhile; then nobody reads any more.
func deliver(in chan []byte, b []byte) {
	defer func() { _ = recover() }()
	in <- b
}

// Callers hold the lock.
func (r *relay) drop(id int64) {
	if in := r.conns[id]; in != nil {
		delete(r.conns, id)
		close(in)
	}
}

func (r *relay) startDial(q *client.DialRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	r.mu.Lock()
	r.dials[q.Random] = cancel
	r.mu.Unlock()
	go func() {
		conn, err := (&net.Dialer{}).DialContext(ctx, q.Protocol, q.Address)
		cancel()
		id := r.lastID.Add(1)
		in := make(chan []byte, 150)
		r.mu.Lock()
		delete(r.dials, q.Random)
		if err == nil {
			r.conns[id] = in
		}
		r.mu.Unlock()
		if err != nil {
			_ = r.out.send(dialed(q.Random, 0, err.Error()))
			return
		}
		if r.out.send(dialed(q.Random, id, "")) != nil {
			conn.Close()
			return
		}
		go write(conn, in)
		r.read(conn, id)
	}()
}

func write(conn net.Conn, in chan []byte) {
	for b := range in {
		if _, err := conn.Write(b); err != nil {
			break
		}
	}
	conn.Close()
	for range in { // so that nobody waits to deliver
	}
}

func (r *relay) read(conn net.Conn, id int64) {
	buffer := make([]byte, 32*1024)
	failure := ""
	for {
		n, err := conn.Read(buffer)
		if n > 0 && r.out.send(dataOf(id, append([]byte(nil), buffer[:n]...))) != nil {
			break
		}
		if err != nil {
			if err != io.EOF && !errors.Is(err, net.ErrClosed) {
				failure = err.Error()
			}
			break
		}
	}
	_ = r.out.send(closed(id, failure))
	r.mu.Lock()
	r.drop(id)
	r.mu.Unlock()
}
