using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Microsoft.ML.Generative.AspNetCore.Metrics;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>A request that passed the gate.</summary>
internal sealed class ServerRequest(HttpContext context, GenerativeServerOptions options, CancellationToken cancellation)
{
    private const int MostCharacters = 200;

    private readonly long _begun = System.Diagnostics.Stopwatch.GetTimestamp();
    private int _begunAnswers;

    public HttpContext Context => context;

    public GenerativeServerOptions Options => options;

    /// <summary>Stops when the caller leaves or the time is over.</summary>
    public CancellationToken Cancellation => cancellation;

    public ModelRegistry Models => context.RequestServices.GetRequiredService<ModelRegistry>();

    public ServerMetrics Metrics => context.RequestServices.GetRequiredService<ServerMetrics>();

    /// <summary>The model that was asked for, once it is known.</summary>
    public ServedModel? Model { get; private set; }

    /// <summary>Whether this is the first text of the answer.</summary>
    public bool TryBeginAnswer() => Interlocked.Exchange(ref _begunAnswers, 1) == 0;

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
            throw new OpenAIException(400, $"The body is not JSON: {Quoted.Message(e)}");
        }
    }

    /// <summary>The fields of a form as members, and its files.</summary>
    /// <param name="numbers">The fields that are numbers; all others are texts.</param>
    /// <exception cref="OpenAIException">The body is no form.</exception>
    public async Task<(JsonBody Fields, IFormFileCollection Files)> ReadFormAsync(params string[] numbers)
    {
        if (!context.Request.HasFormContentType)
            throw new OpenAIException(400, "The body is no form; expected the content type multipart/form-data.");
        try
        {
            // In memory, as the body is limited: there may be no folder that can be written to.
            int most = (int)Math.Min(options.MaxRequestBytes, int.MaxValue);
            IFormCollection form = await context.Request.ReadFormAsync(
                new FormOptions { MemoryBufferThreshold = most, MultipartBodyLengthLimit = most, ValueLengthLimit = most }, cancellation)
                .ConfigureAwait(false);
            var fields = new JsonObject();
            foreach ((string name, StringValues values) in form)
                fields[name] = Field(values.ToString(), numbers.Contains(name));
            using var document = JsonDocument.Parse(fields.ToJsonString());
            return (new JsonBody(document.RootElement.Clone(), ""), form.Files);
        }
        catch (InvalidDataException e)
        {
            throw new OpenAIException(400, $"The body is no form: {e.Message}");
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

    private static JsonValue Field(string value, bool isNumber) =>
        isNumber && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number == Math.Floor(number) && Math.Abs(number) < long.MaxValue ? JsonValue.Create((long)number) : JsonValue.Create(number)
            : JsonValue.Create(value);
}
