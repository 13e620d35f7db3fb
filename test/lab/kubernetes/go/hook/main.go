// What an API server dials inside a cluster, in one small HTTPS server: an admission webhook that refuses objects with the
// label lab.seedbed.test/refuse, and the aggregated API lab.seedbed.test/v1 with one resource. Its certificate is $1, the key $2.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

const refuseLabel = "lab.seedbed.test/refuse"

type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Request    *struct {
		UID    string `json:"uid"`
		Object struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
		} `json:"object"`
	} `json:"request,omitempty"`
	Response map[string]any `json:"response"`
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

func admit(w http.ResponseWriter, r *http.Request) {
	var q review
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Request == nil {
		http.Error(w, "not a review", http.StatusBadRequest)
		return
	}
	_, refused := q.Request.Object.Metadata.Labels[refuseLabel]
	q.Response = map[string]any{"uid": q.Request.UID, "allowed": !refused, "status": map[string]string{"message": "the lab's webhook refuses it"}}
	q.Request = nil
	answer(w, q)
}

func main() {
	http.HandleFunc("/admit", admit)
	http.HandleFunc("/apis/lab.seedbed.test/v1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "lab.seedbed.test/v1",
			"resources": []any{map[string]any{"name": "greetings", "kind": "Greeting", "namespaced": false, "verbs": []string{"get"}}}})
	})
	http.HandleFunc("/apis/lab.seedbed.test/v1/greetings/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"kind": "Greeting", "apiVersion": "lab.seedbed.test/v1", "metadata": map[string]string{"name": "hello"},
			"asked": r.Header.Get("X-Remote-User")})
	})
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {})
	log.Fatal(http.ListenAndServeTLS(":8443", os.Args[1], os.Args[2], nil))
}
