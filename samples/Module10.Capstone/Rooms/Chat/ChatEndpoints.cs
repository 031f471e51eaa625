using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative;
using Module10.Jobs;
using Module10.Models;
using Module10.Sessions;

namespace Module10.Rooms.Chat;

/// <summary>The endpoints of the room for conversations.</summary>
internal static class ChatEndpoints
{
    private const int MostTokens = 80;

    public static void MapChat(this IEndpointRouteBuilder endpoints)
    {
        RouteGroupBuilder room = endpoints.MapGroup("/api/chat");
        room.MapPost("/reply", Reply);
        room.MapGet("/adapters", (HttpContext context) => Adapters(context).Names);
        room.MapPost("/adapters", Personalize);
        room.MapDelete("/adapters/{name}", (HttpContext context, string name) =>
        {
            Adapters(context).Remove(name);
            return Results.NoContent();
        });
    }

    // Events: text (text), answer (tokens, seconds).
    private static Task Reply(HttpContext context, ChatRequest request, ChatModel chat)
    {
        request.Validate();
        LanguageModelTransformer model = request.Adapter.Length == 0 ? chat.Model : Adapters(context).Find(request.Adapter);
        return JobStream.RunAsync(context, JobKind.Generation, async events =>
        {
            long begun = TimeProvider.System.GetTimestamp();
            long tokens = 0;
            using IChatClient client = model.AsChatClient();
            var options = new ChatOptions
            {
                MaxOutputTokens = MostTokens,
                Temperature = (float)request.Temperature,
                Seed = request.Seed,
            };
            var updates = client.GetStreamingResponseAsync(request.Conversation(), options, events.Cancellation);
            await foreach (ChatResponseUpdate update in updates)
            {
                if (update.Text.Length > 0)
                    events.Send("text", new { update.Text });
                tokens += update.Contents.OfType<UsageContent>().Sum(usage => usage.Details.OutputTokenCount ?? 0);
            }

            events.Send("answer", new { tokens, seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds });
        });
    }

    // Events: progress (step, totalSteps, loss, curve), trained (name, adapters).
    private static Task Personalize(HttpContext context, AdapterRequest request, ChatModel chat)
    {
        request.Validate();
        VisitorAdapters adapters = Adapters(context);
        adapters.RequireRoom(request.Name);
        _ = chat.Model;
        return JobStream.RunAsync(context, JobKind.Training, events =>
        {
            adapters.Add(request.Name, chat.Personalize(request.Examples, TrainingEvents.Of(events), events.Cancellation));
            events.Send("trained", new { request.Name, Adapters = adapters.Names });
        });
    }

    private static VisitorAdapters Adapters(HttpContext context) => context.Visitor().Part<VisitorAdapters>();
}
