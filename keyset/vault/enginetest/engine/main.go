//go:build engine

package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
)

func main() {
	addr := flag.String("addr", "", "where to listen")
	dir := flag.String("dir", "", "the folder with the keys")
	token := flag.String("token", "", "the token that may do everything")
	flag.Parse()
	disk, err := file.NewFileBackend(map[string]string{"path": *dir}, hclog.NewNullLogger())
	if err != nil {
		log.Fatal(err)
	}
	storage := logical.NewLogicalStorage(disk)
	engine, err := transit.Factory(context.Background(), &logical.BackendConfig{
		StorageView: storage, Logger: hclog.NewNullLogger(), System: logical.TestSystemView(), Config: map[string]string{}})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(consts.AuthHeaderName) != *token {
			answer(w, http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
			return
		}
		request := &logical.Request{Path: strings.TrimPrefix(r.URL.Path, "/v1/transit/"), Storage: storage, Data: map[string]any{}, MountPoint: "transit/"}
		switch r.Method {
		case http.MethodGet:
			request.Operation = logical.ReadOperation
		case http.MethodDelete:
			request.Operation = logical.DeleteOperation
		default:
			request.Operation = logical.UpdateOperation
			if err := json.NewDecoder(r.Body).Decode(&request.Data); err != nil {
				answer(w, http.StatusBadRequest, map[string]any{"errors": []string{err.Error()}})
				return
			}
		}
		// As the HTTP server of Vault does it.
		response, err := engine.HandleRequest(r.Context(), request)
		status, err := logical.RespondErrorCommon(request, response, err)
		switch {
		case err != nil:
			answer(w, max(status, http.StatusBadRequest), map[string]any{"errors": []string{err.Error()}})
		case status != 0:
			answer(w, status, map[string]any{"errors": []string{}})
		case response == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			answer(w, http.StatusOK, map[string]any{"data": response.Data})
		}
	})))
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
