using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Module10.Sessions;

/// <summary>Gives each request of the rooms its visitor.</summary>
internal static class SessionMiddleware
{
    private const string Cookie = "capstone-session";

    public static async Task Run(HttpContext context, SessionStore sessions, Func<Task> next)
    {
        string? id = context.Request.Cookies[Cookie];
        Session session = sessions.Enter(id);
        try
        {
            if (session.Id != id)
            {
                context.Response.Cookies.Append(Cookie, session.Id, new CookieOptions
                {
                    HttpOnly = true,
                    SameSite = SameSiteMode.Strict,
                    Secure = context.Request.IsHttps,
                    IsEssential = true,
                });
            }

            context.Features.Set(session);
            await next();
        }
        finally
        {
            sessions.Leave(session);
        }
    }

    /// <summary>The visitor who makes the request.</summary>
    public static Session Visitor(this HttpContext context) => context.Features.GetRequiredFeature<Session>();
}
