package stacks

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/sealwax/sealwax/envelope"
)

// Gin returns the endpoint on gin, at POST /echo.
func Gin(env envelope.Envelope) http.Handler {
	router := gin.New()
	router.POST("/echo", func(c *gin.Context) {
		ctx := c.Request.Context() // of c itself, nothing ends when the client leaves
		body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, 1<<20))
		if err != nil {
			c.String(http.StatusBadRequest, "cannot read the request")
			return
		}
		request, err := env.Open(ctx, body)
		switch {
		case errors.Is(err, envelope.ErrRejected): // the message is at fault
			slog.LogAttrs(ctx, slog.LevelWarn, "request", envelope.LogAttr(err)) // says why
			c.String(http.StatusBadRequest, envelope.ErrRejected.Error())        // does not
			return
		case err != nil: // we are
			slog.LogAttrs(ctx, slog.LevelError, "request", envelope.LogAttr(err))
			c.String(http.StatusServiceUnavailable, "try again")
			return
		}
		reply, err := env.Seal(ctx, request.Payload)
		if err != nil { // the request has been acted on: nobody is to try that again unasked
			slog.LogAttrs(ctx, slog.LevelError, "reply", envelope.LogAttr(err))
			c.String(http.StatusInternalServerError, "no reply")
			return
		}
		c.Data(http.StatusOK, env.ContentType(), reply)
	})
	return router
}
