package stacks

import (
	"errors"
	"log/slog"

	"github.com/gofiber/fiber/v3"

	"github.com/sealwax/sealwax/envelope"
)

// Fiber returns the endpoint on fiber, at POST /echo. A request that is too long
// never reaches it: fiber answers 413.
//
// Fiber uses the memory of a body again once its handler has returned. That is
// safe: Open retains nothing of its input, so that the message, its payload, and
// whatever an observer was told are memory of their own. It is not safe for the
// body itself: copy it before you keep it.
func Fiber(env envelope.Envelope) *fiber.App {
	app := fiber.New(fiber.Config{BodyLimit: 1 << 20})
	app.Post("/echo", func(c fiber.Ctx) error {
		ctx := c.Context() // ends with nothing: give it a deadline if a key is remote
		// BodyRaw, because Body decompresses what nobody has authenticated.
		request, err := env.Open(ctx, c.BodyRaw())
		switch {
		case errors.Is(err, envelope.ErrRejected): // the message is at fault
			slog.LogAttrs(ctx, slog.LevelWarn, "request", envelope.LogAttr(err))             // says why
			return c.Status(fiber.StatusBadRequest).SendString(envelope.ErrRejected.Error()) // does not
		case err != nil: // we are; returned as it is, fiber would show it to the sender
			slog.LogAttrs(ctx, slog.LevelError, "request", envelope.LogAttr(err))
			return c.Status(fiber.StatusServiceUnavailable).SendString("try again")
		}
		reply, err := env.Seal(ctx, request.Payload)
		if err != nil { // the request has been acted on: nobody is to try that again unasked
			slog.LogAttrs(ctx, slog.LevelError, "reply", envelope.LogAttr(err))
			return c.Status(fiber.StatusInternalServerError).SendString("no reply")
		}
		c.Set(fiber.HeaderContentType, env.ContentType())
		return c.Send(reply)
	})
	return app
}
