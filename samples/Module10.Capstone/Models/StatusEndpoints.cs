using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Module10.Http;

namespace Module10.Models;

/// <summary>How far the models of the rooms are.</summary>
internal static class StatusEndpoints
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(500);

    public static void MapStatus(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/status", (IEnumerable<RoomModel> models) => Describe(models));
        endpoints.MapGet("/api/status/events", Watch);
    }

    private static async Task Watch(HttpContext context, IEnumerable<RoomModel> models, IHostApplicationLifetime lifetime)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            await ServerSentEvents.WriteAsync(context.Response, Changes([.. models], end.Token), end.Token);
        }
        catch (OperationCanceledException)
        {
            // The page was closed, or the application stops.
        }
    }

    private static object[] Describe(IEnumerable<RoomModel> models) => [.. models.Select(model => model.Status).Select(status => new
    {
        status.Name,
        State = JsonNamingPolicy.CamelCase.ConvertName(status.State.ToString()),
        status.Step,
        status.TotalSteps,
        status.SecondsLeft,
        status.Curve,
        status.Error,
    })];

    // Ends when there is nothing more to wait for.
    private static async IAsyncEnumerable<(string Name, object Data)> Changes(
        RoomModel[] models, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ModelStatus[]? last = null;
        while (true)
        {
            ModelStatus[] now = [.. models.Select(model => model.Status)];
            if (last is null || !now.SequenceEqual(last))
                yield return ("status", Describe(models));
            last = now;
            if (now.All(status => status.State is ModelState.Ready or ModelState.Failed))
                break;
            await Task.Delay(_interval, cancellation);
        }

        yield return ("done", new { });
    }
}
