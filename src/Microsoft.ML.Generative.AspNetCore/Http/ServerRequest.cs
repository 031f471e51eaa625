using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.Generative.AspNetCore.Metrics;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>A request that passed the gate.</summary>
internal sealed class ServerRequest(HttpContext context, GenerativeServerOptions options, CancellationToken cancellation)
{
    private const int MostCharacters = 200;

    private readonly long _begun = System.Diagnostics.Stopwatch.GetTimestamp();

    public HttpContext Context => context;

    public GenerativeServerOptions Options => options;

    /// <summary>Stops when the caller leaves or the time is over.</summary>
    public CancellationToken Cancellation => cancellation;

    public ModelRegistry Models => context.RequestServices.GetRequiredService<ModelRegistry>();

    public ServerMetrics Metrics => context.RequestServices.GetRequiredService<ServerMetrics>();

    /// <summary>The model that was asked for, once it is known.</summary>
    public ServedModel? Model { get; private set; }

    public TimeSpan Elapsed => System.Diagnostics.Stopwatch.GetElapsedTime(_begun);

    /// <exception cref="OpenAIException">The body is no JSON object.</exception>
    public async Task<JsonBody> ReadBodyAsync()
    {
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(context.Request.Body, default, cancellation).ConfigureAwait(false);
            return new JsonBody(document.RootElement.Clone(), "");
        }
        catch (JsonException e)
        {
            throw new OpenAIException(400, $"The body is not JSON: {e.Message}");
        }
    }

    /// <summary>The model of the member <c>model</c>.</summary>
    /// <exception cref="OpenAIException">There is no such model.</exception>
    public ServedModel FindModel(JsonBody body)
    {
        string name = body.Text("model") ?? throw new OpenAIException(400, "The request names no model.", "model");
        return Model = Models.Find(name.Length > MostCharacters ? name[..MostCharacters] : name);
    }

    public Task WriteAsync(JsonObject body)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.WriteAsync(body.ToJsonString(), cancellation);
    }
}
