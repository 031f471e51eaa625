using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.Generative.AspNetCore.Endpoints;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Metrics;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the endpoints of a server of models.</summary>
public static class OpenAIEndpointExtensions
{
    /// <summary>
    /// Maps OpenAI's endpoints under <c>/v1</c>, <c>/health/live</c>, <c>/health/ready</c> and <c>/metrics</c>.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <returns>The endpoints under <c>/v1</c>, for further conventions.</returns>
    /// <exception cref="InvalidOperationException">No model was added.</exception>
    public static IEndpointConventionBuilder MapOpenAI(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        RequestGate gate = endpoints.ServiceProvider.GetService<RequestGate>() ?? throw new InvalidOperationException(
            $"No model is served: call {nameof(GenerativeServiceCollectionExtensions.AddGenerativeModel)} of the services before.");
        ModelRegistry models = endpoints.ServiceProvider.GetRequiredService<ModelRegistry>();
        ServerMetrics metrics = endpoints.ServiceProvider.GetRequiredService<ServerMetrics>();
        metrics.Start();

        endpoints.MapGet("/health/live", () => Results.Text("live"));
        endpoints.MapGet("/health/ready", () => models.IsReady && !gate.IsDraining
            ? Results.Text("ready")
            : Results.Text(gate.IsDraining ? "stopping" : models.Status, statusCode: StatusCodes.Status503ServiceUnavailable));
        endpoints.MapGet("/metrics", (HttpContext context) => gate.Serve(context, MetricsEndpoint.Run));

        RouteGroupBuilder group = endpoints.MapGroup("/v1");
        group.MapGet("/models", (HttpContext context) => gate.Serve(context, ModelsEndpoint.List));
        group.MapGet("/models/{**id}", (HttpContext context) => gate.Serve(context, ModelsEndpoint.Find));
        group.MapPost("/chat/completions", (HttpContext context) => gate.Serve(context, ChatEndpoint.Run));
        group.MapPost("/completions", (HttpContext context) => gate.Serve(context, CompletionEndpoint.Run));
        group.MapPost("/embeddings", (HttpContext context) => gate.Serve(context, EmbeddingEndpoint.Run));
        group.MapPost("/images/generations", (HttpContext context) => gate.Serve(context, ImageGenerationEndpoint.Run));
        group.MapPost("/images/edits", (HttpContext context) => gate.Serve(context, ImageEditEndpoint.Run));
        group.MapPost("/responses", (HttpContext context) => gate.Serve(context, ResponseEndpoint.Run));
        group.MapFallback("{**path}", (HttpContext context) => gate.Serve(
            context, _ => throw new OpenAIException(404, "There is no such endpoint.", code: "unknown_url")));
        return group;
    }
}
