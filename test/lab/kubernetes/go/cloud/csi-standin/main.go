// Stands in for two helpers of CSI drivers that no module proxy gives, with their flags: livenessprobe (by its name) tells whether the
// driver's socket can be dialled; csi-attacher attaches nothing, and ends when its files are not there.
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var (
	address    = flag.String("csi-address", "/run/csi/socket", "")
	healthPort = flag.String("health-port", "9808", "")
	kubeconfig = flag.String("kubeconfig", "", "")
)

func init() {
	for _, name := range []string{"default-fstype", "leader-election-namespace", "v"} {
		flag.String(name, "", "")
	}
	flag.Duration("timeout", 15*time.Second, "")
	flag.Bool("leader-election", false, "")
}

func dial() error {
	c, err := net.DialTimeout("unix", *address, time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

func main() {
	flag.Parse()
	if strings.HasPrefix(filepath.Base(os.Args[0]), "livenessprobe") {
		http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
			if err := dial(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
		log.Fatal(http.ListenAndServe(":"+*healthPort, nil))
	}
	if _, err := os.ReadFile(*kubeconfig); err != nil {
		log.Fatal(err)
	}
	for dial() != nil {
		time.Sleep(100 * time.Millisecond)
	}
	for {
		time.Sleep(time.Hour)
	}
}
