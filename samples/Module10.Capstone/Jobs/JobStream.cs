using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Module10.Http;
using Module10.Sessions;

namespace Module10.Jobs;

/// <summary>Runs work of a visitor, and streams what it reports as server-sent events.</summary>
internal static class JobStream
{
    /// <summary>
    /// Waits for a turn and runs the work on another thread. The events are <c>queued</c> (ahead), <c>started</c>, what the work sends, and
    /// at last <c>done</c> or <c>error</c> (message). When the visitor leaves, the work is canceled.
    /// </summary>
    public static async Task RunAsync(HttpContext context, JobKind kind, Func<JobEvents, Task> work)
    {
        Session visitor = context.Visitor();
        JobQueue queue = context.RequestServices.GetRequiredService<JobQueue>();
        var lifetime = context.RequestServices.GetRequiredService<IHostApplicationLifetime>();
        using var left = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var events = new JobEvents(left.Token);
        Task job = Task.Run(() => RunAsync(visitor, queue, kind, work, events, context), CancellationToken.None);
        try
        {
            await ServerSentEvents.WriteAsync(context.Response, events.ReadAllAsync(), left.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The visitor has left, and the work ends at its next step.
        }
        finally
        {
            await left.CancelAsync();
            await job;
        }
    }

    /// <summary>As the other, for work that is not asynchronous.</summary>
    public static Task RunAsync(HttpContext context, JobKind kind, Action<JobEvents> work) => RunAsync(context, kind, events =>
    {
        work(events);
        return Task.CompletedTask;
    });

    private static async Task RunAsync(
        Session visitor, JobQueue queue, JobKind kind, Func<JobEvents, Task> work, JobEvents events, HttpContext context)
    {
        try
        {
            using (await queue.EnterAsync(visitor, kind, ahead => events.Send("queued", new { ahead }), events.Cancellation))
            {
                events.Send("started", new { });
                await work(events);
            }

            events.Send("done", new { });
        }
        catch (OperationCanceledException)
        {
            // Nobody is there to read it, or the application stops.
            events.Send("error", new { message = "The work was canceled." });
        }
        catch (Exception e)
        {
            if (VisitorException.MessageFor(e) is not { } message)
            {
                message = "This failed inside the application. Its log says why.";
                context.RequestServices.GetRequiredService<ILogger<JobQueue>>().LogError(e, "Work of a visitor failed.");
            }

            events.Send("error", new { message });
        }
        finally
        {
            events.Complete();
        }
    }
}
