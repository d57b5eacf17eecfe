package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// A token is what is known of one token, present or not.
type token struct {
	m    *Module
	uri  uri
	busy chan struct{} // holds one for each call under way

	mu    sync.Mutex // also held while logging in, so that it happens once
	epoch *epoch     // nil until the next call logs in
	wrong error      // what the token said of the PIN; it is not tried again
}

// An epoch begins with a login, and ends when a session is lost.
type epoch struct {
	slot    uint
	free    []pkcs11.SessionHandle // under the mu of the token
	handles sync.Map               // of *Key: pkcs11.ObjectHandle
}

// A session is lent for one call.
type session struct {
	*pkcs11.Ctx
	handle pkcs11.SessionHandle
	epoch  *epoch
}

// do calls f with a session. PKCS #11 has no calls that end early: when ctx ends before f
// does, do returns, and f goes on with its session, which nobody else gets meanwhile. No
// more calls are under way than there are sessions.
func do[T any](ctx context.Context, t *token, f func(s *session) (T, error)) (out T, err error) {
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	select {
	case t.busy <- struct{}{}:
	case <-t.m.done:
		return out, errClosed
	case <-ctx.Done():
		return out, context.Cause(ctx)
	}
	type answer struct {
		out T
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-t.busy }()
		var a answer
		a.out, a.err = with(ctx, t, f)
		if _, answered := errors.AsType[answeredError](a.err); isLost(a.err) && !answered && ctx.Err() == nil {
			a.out, a.err = with(ctx, t, f) // once, in a new session
		}
		answers <- a
	}()
	select {
	case a := <-answers:
		return a.out, a.err
	case <-ctx.Done():
		return out, context.Cause(ctx)
	}
}

// with lends a session to f.
func with[T any](ctx context.Context, t *token, f func(s *session) (T, error)) (out T, err error) {
	err = remote.Guarded("the PKCS #11 library", func() error {
		s, err := t.take(ctx)
		if err != nil {
			return err
		}
		defer func() { t.give(s, err) }()
		out, err = f(s)
		return err
	})
	return out, err
}

// take returns a session that is logged in.
func (t *token) take(ctx context.Context) (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch == nil {
		e, err := t.begin(ctx)
		if err != nil {
			return nil, err
		}
		t.epoch = e
	}
	e := t.epoch
	s := &session{Ctx: t.m.ctx, epoch: e}
	if n := len(e.free); n != 0 {
		s.handle, e.free = e.free[n-1], e.free[:n-1]
		return s, nil
	}
	var err error
	if s.handle, err = t.m.ctx.OpenSession(e.slot, pkcs11.CKF_SERIAL_SESSION); err != nil {
		t.end(e)
		return nil, t.outage("open a session; Config.Sessions may be more than the token has", err)
	}
	return s, nil
}

// give takes a session back. One whose token has lost it ends the epoch, so that the next
// call logs in again.
func (t *token) give(s *session, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.epoch.free = append(s.epoch.free, s.handle)
	if isLost(err) || t.epoch != s.epoch {
		t.end(s.epoch)
	}
}

// end closes the sessions of an epoch that nobody has. Those that are under way follow.
func (t *token) end(e *epoch) {
	for _, s := range e.free {
		_ = t.m.ctx.CloseSession(s) // which may be lost already
	}
	e.free = nil
	if t.epoch == e {
		t.epoch = nil
	}
}

// close waits for the calls that are under way.
func (t *token) close() {
	for range cap(t.busy) {
		t.busy <- struct{}{} // for ever: nobody gets a session any more
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch != nil {
		t.end(t.epoch)
	}
}

// begin finds the token, and logs in.
func (t *token) begin(ctx context.Context) (*epoch, error) {
	if t.wrong != nil {
		return nil, t.wrong
	}
	if err := t.m.initialize(); err != nil {
		return nil, err
	}
	slot, info, err := t.find()
	if err != nil {
		return nil, err
	}
	s, err := t.m.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, t.outage("open a session", err)
	}
	if info.Flags&pkcs11.CKF_LOGIN_REQUIRED != 0 {
		if err := t.login(ctx, s); err != nil {
			_ = t.m.ctx.CloseSession(s)
			return nil, err
		}
	}
	return &epoch{slot: slot, free: []pkcs11.SessionHandle{s}}, nil
}

func (t *token) find() (slot uint, info pkcs11.TokenInfo, err error) {
	slots, err := t.m.ctx.GetSlotList(true)
	if err != nil {
		return 0, info, t.outage("list the slots", err)
	}
	found, others := 0, []string{}
	for _, s := range slots {
		i, err := t.m.ctx.GetTokenInfo(s)
		switch {
		case err != nil: // pulled out just now
		case t.uri.names(i):
			slot, info = s, i
			found++
		case i.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 && len(others) < 8:
			others = append(others, fmt.Sprintf("%q", i.Label))
		}
	}
	switch {
	case found == 0:
		return 0, info, fmt.Errorf("pkcs11: %w: %.128q: there is no such token among %d (%s)", keyset.ErrUnavailable, t.uri.text, len(others), strings.Join(others, ", "))
	case found > 1:
		return 0, info, fmt.Errorf("pkcs11: %.128q: %d tokens have this name; add serial=NUMBER", t.uri.text, found)
	}
	return slot, info, nil
}

// login asks for the PIN. A PIN that the token refuses is not tried again: it would lock
// the token.
func (t *token) login(ctx context.Context, s pkcs11.SessionHandle) error {
	if t.m.config.PIN == nil {
		return fmt.Errorf("pkcs11: token of %.128q wants a PIN: set Config.PIN", t.uri.text)
	}
	pin, err := t.m.config.PIN(ctx, t.uri.token["token"])
	if err != nil {
		return fmt.Errorf("pkcs11: %w: the PIN of %.128q: %w", keyset.ErrUnavailable, t.uri.text, err)
	}
	switch err := t.m.ctx.Login(s, pkcs11.CKU_USER, string(pin)); {
	case err == nil, err == pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return nil
	case isAboutPIN(err):
		t.wrong = fmt.Errorf("pkcs11: the token of %.128q refuses the PIN: it is not tried again, because tokens lock; mend it, and start anew: %w", t.uri.text, err)
		return t.wrong
	default:
		return t.outage("log in", err)
	}
}

func (t *token) outage(what string, err error) error {
	return fmt.Errorf("pkcs11: %w: %.128q: %s: %w", keyset.ErrUnavailable, t.uri.text, what, err)
}
