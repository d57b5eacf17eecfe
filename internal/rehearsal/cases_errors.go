package rehearsal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// errorCases judge how rejections are told, and what they tell a stranger.
func errorCases(r *run) []Case {
	told := func(name, demand, code string, status int, echo bool, l letter, change func(*request)) Case {
		return Case{Name: "errors/" + name, Demand: demand + fmt.Sprintf(" is told as %d %s, or as 404 with an empty body", status, code), Source: ofErrors, Level: Advice, echo: echo,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				q := newRequest("hello")
				change(&q)
				x, err := r.exchange(ctx, q, l)
				if err != nil {
					return "", "", err
				}
				quiet := x.answer.Status == 404 && len(x.answer.Body) == 0
				advised := x.answer.Status == status && (x.reply.Code == "" || x.reply.Code == code)
				out, saw := verdict(x.silent == nil && (quiet || advised), x.told())
				return out, saw, nil
			}}
	}
	same := func(*request) {}
	late := func(q *request) { q.at = q.at.Add(-time.Hour) }
	verified := letter{by: []string{first}}
	broken := verified
	broken.payload = []byte(`{"requestHeader":`)
	whose := "whose signature was verified"
	if !r.Network.profile.Signed() {
		whose = "that decrypts"
	}
	c := ofSignatures(
		told("signature", "an unknown signer", "INVALID_PAYLOAD_SIGNATURE", 401, false, letter{by: []string{stranger}}, same),
		Case{Name: "errors/same-for-all-signatures", Demand: "a bad signature is told in one way, whatever is wrong", Source: ofErrors, Level: Demanded,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				return r.compare(ctx, r.unverifiable, sameToAStranger)
			}},
		Case{Name: "errors/same-text-for-all", Demand: "whatever the status says, the body says nothing to a stranger", Source: ofErrors, Level: Demanded,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				return r.compare(ctx, r.oneOfEach, sameText)
			}},
		Case{Name: "errors/same-for-all", Demand: "all that is rejected is told in one way: 401 beside 400 says which ciphertexts decrypt", Source: ofNobody, Level: Advice,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				return r.compare(ctx, r.oneOfEach, sameToAStranger)
			}},
	)
	return append(c,
		r.toldEncryption(),
		told("timestamp", "a timestamp out of range", "REQUEST_TIMESTAMP_OUT_OF_RANGE", 400, true, verified, late),
		told("json", "a request that does not parse", "INVALID_DECRYPTED_REQUEST", 400, true, broken, same),
		Case{Name: "errors/sealed", Demand: "an error about a request " + whose + " is sealed, or says nothing", Source: ofErrors, Level: Demanded, echo: true,
			try: sends(func(r *run, x *exchange) (Outcome, string) {
				if x.silent != nil {
					return Failed, noAnswer(x.silent)
				}
				return verdict(len(x.answer.Body) == 0 || x.message != nil, x.told())
			}, sending{letter: broken})},
		Case{Name: "errors/same-for-all-that-does-not-decrypt", Demand: "what does not decrypt is told in one way, whatever is wrong: or the endpoint decrypts for a stranger", Source: ofRSAPadding, Level: Demanded,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				return r.compare(ctx, r.undecryptable, sameToAStranger)
			}},
		Case{Name: "errors/timing", Demand: "what does not decrypt takes one time, whatever is wrong", Source: ofRSAPadding, Level: Advice, try: tryTiming},
	)
}

func (r *run) toldEncryption() Case {
	c := Case{Name: "errors/encryption", Demand: "an unknown encryption key is told as 400 INVALID_PAYLOAD_ENCRYPTION, or as 404 with an empty body", Source: ofErrors, Level: Advice}
	c.try = func(ctx context.Context, r *run) (Outcome, string, error) {
		to, err := r.Network.strangersOwn()
		if err != nil {
			return "", "", err
		}
		return sends(func(_ *run, x *exchange) (Outcome, string) {
			return verdict(x.silent == nil && (x.answer.Status == 400 || x.answer.Status == 404 && len(x.answer.Body) == 0), x.told())
		}, sending{letter: letter{by: []string{first}, to: []recipient{to}}})(ctx, r)
	}
	return c
}

// labelled is a message and what is wrong with it.
type labelled struct {
	what string
	Message
}

// undecryptable are messages whose faults a decryptor notices at different times.
func (r *run) undecryptable(context.Context) ([]labelled, error) {
	l := letter{payload: []byte(newRequest("hello").text()), by: []string{first}, to: r.partner.opening[:1]}
	good, err := r.seal(l)
	if err != nil {
		return nil, err
	}
	what, messages := r.damaged(good)
	var out []labelled
	for i := range messages {
		if !strings.Contains(what[i], "header") && !strings.Contains(what[i], "packet of the data") { // those do not parse
			out = append(out, labelled{what[i], messages[i]})
		}
	}
	wrapped, err := r.underRSA15(good)
	return append(out, wrapped...), err
}

// unverifiable are messages that decrypt, and whose signature is no good.
func (r *run) unverifiable(context.Context) (out []labelled, err error) {
	for _, l := range []sending{
		{"a damaged one", letter{by: []string{first}, badSig: true}}, {"a stranger's", letter{by: []string{stranger}}},
		{"one of a revoked key", letter{by: []string{revoked}}}, {"one of an expired key", letter{by: []string{expired}}},
	} {
		l.payload = []byte(newRequest("hello").text())
		m, err := r.seal(l.letter)
		if err != nil {
			return nil, err
		}
		out = append(out, labelled{l.what, m})
	}
	return out, nil
}

// oneOfEach are two messages: one does not decrypt, and the other is badly signed.
func (r *run) oneOfEach(ctx context.Context) ([]labelled, error) {
	one, err := r.undecryptable(ctx)
	if err != nil {
		return nil, err
	}
	two, err := r.unverifiable(ctx)
	if err != nil {
		return nil, err
	}
	return []labelled{one[0], two[0]}, nil
}

// compare sends messages, and compares what a stranger sees of the answers.
func (r *run) compare(ctx context.Context, messages func(context.Context) ([]labelled, error), same func(a, b *exchange) (differs string)) (Outcome, string, error) {
	list, err := messages(ctx)
	if err != nil {
		return "", "", err
	}
	var got []*exchange
	for i, m := range list {
		x, err := r.deliver(ctx, newRequest("hello"), m.Message)
		if err != nil {
			return "", "", err
		}
		if out, saw := r.rejected(x); out != Held {
			return out, m.what + ": " + saw, nil
		}
		got = append(got, x)
		if differs := same(got[0], x); differs != "" {
			return Failed, fmt.Sprintf("%s, and %s: %s", list[0].what, list[i].what, differs), nil
		}
	}
	return Held, fmt.Sprintf("%d messages, all: %s", len(got), got[0].told()), nil
}

// How many pairs of messages are timed, and how long that may take.
const (
	pairs     = 100
	fewPairs  = 10
	timingFor = 10 * time.Second
)

// tryTiming sends pairs of messages that do not decrypt for two reasons, in turn, and says
// how long their answers took. It is a look, and no proof: the network is in between.
func tryTiming(ctx context.Context, r *run) (Outcome, string, error) {
	if r.Pause != nil {
		return NotTried, "at this rate it would take hours: -fast measures it", nil
	}
	list, err := r.undecryptable(ctx)
	if err != nil {
		return "", "", err
	}
	one, two := list[0], list[len(list)-1]
	var took [2][]time.Duration
	began := time.Now()
	for i := 0; i < 2*pairs && (i%2 == 1 || time.Since(began) < timingFor); i++ {
		m := []labelled{one, two}[i%2]
		a, silent, err := r.send(ctx, m.Message)
		if err != nil {
			return "", "", err
		}
		if silent == nil {
			took[i%2] = append(took[i%2], a.Took)
		}
	}
	if n := min(len(took[0]), len(took[1])); n < fewPairs {
		return NotTried, fmt.Sprintf("%d pairs were answered in %v: too few to compare", n, timingFor), nil
	}
	a, b, spread := median(took[0]), median(took[1]), spreadOf(took[0])
	saw := fmt.Sprintf("%s %v, %s %v (medians of %d; half of the first lie within %v)", one.what, a.Round(time.Microsecond), two.what, b.Round(time.Microsecond), len(took[0]), spread.Round(time.Microsecond))
	out, _ := verdict((a-b).Abs() <= 2*spread+50*time.Microsecond, "")
	return out, saw, nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// spreadOf is the distance of the quartiles.
func spreadOf(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)*3/4] - d[len(d)/4]
}
