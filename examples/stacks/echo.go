package stacks

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/sealwax/sealwax/envelope"
)

// Echo returns the endpoint on the framework of that name, at POST /echo.
func Echo(env envelope.Envelope) http.Handler {
	router := echo.New()
	router.POST("/echo", func(c echo.Context) error {
		ctx := c.Request().Context()
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, 1<<20))
		if err != nil {
			return c.String(http.StatusBadRequest, "cannot read the request")
		}
		request, err := env.Open(ctx, body)
		switch {
		case errors.Is(err, envelope.ErrRejected): // the message is at fault
			slog.LogAttrs(ctx, slog.LevelWarn, "request", envelope.LogAttr(err)) // says why
			return c.String(http.StatusBadRequest, envelope.ErrRejected.Error()) // does not
		case err != nil: // we are; returned as it is, echo would make a 500 of it
			slog.LogAttrs(ctx, slog.LevelError, "request", envelope.LogAttr(err))
			return c.String(http.StatusServiceUnavailable, "try again")
		}
		reply, err := env.Seal(ctx, request.Payload)
		if err != nil { // the request has been acted on: nobody is to try that again unasked
			slog.LogAttrs(ctx, slog.LevelError, "reply", envelope.LogAttr(err))
			return c.String(http.StatusInternalServerError, "no reply")
		}
		return c.Blob(http.StatusOK, env.ContentType(), reply)
	})
	return router
}
