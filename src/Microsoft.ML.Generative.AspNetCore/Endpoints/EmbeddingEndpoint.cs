using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/embeddings.</summary>
internal static class EmbeddingEndpoint
{
    private const int MostTexts = 2048;

    public static async Task Run(ServerRequest request)
    {
        JsonBody body = await request.ReadBodyAsync().ConfigureAwait(false);
        ServedModel model = request.FindModel(body);
        if (body.Find("input") is null)
            throw body.Missing("input");
        IReadOnlyList<string> texts = body.Texts("input", MostTexts);
        if (texts.Count == 0)
            throw new OpenAIException(400, "input is empty; expected at least one text.", "input");
        bool isBase64 = body.Text("encoding_format") switch
        {
            "base64" => true,
            null or "float" => false,
            _ => throw body.Unsupported("encoding_format", "float or base64"),
        };
        TextEmbeddingGenerator generator = model.Embeddings;
        var options = new EmbeddingGenerationOptions { Dimensions = body.Integer("dimensions", 1) };
        GeneratedEmbeddings<Embedding<float>> embeddings = await model.InTurnAsync(
            () => generator.GenerateAsync(texts, options, request.Cancellation), request.Cancellation).ConfigureAwait(false);
        request.Metrics.Answered(request, embeddings.Usage);
        await request.WriteAsync(new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. embeddings.Select((embedding, i) => new JsonObject
            {
                ["object"] = "embedding",
                ["index"] = i,
                ["embedding"] = isBase64 ? Base64(embedding.Vector) : Floats(embedding.Vector),
            })]),
            ["model"] = model.Name,
            ["usage"] = new JsonObject
            {
                ["prompt_tokens"] = embeddings.Usage?.InputTokenCount ?? 0,
                ["total_tokens"] = embeddings.Usage?.TotalTokenCount ?? 0,
            },
        }).ConfigureAwait(false);
    }

    // Little-endian, as all of .NET's machines are.
    private static JsonValue Base64(ReadOnlyMemory<float> vector) =>
        JsonValue.Create(Convert.ToBase64String(MemoryMarshal.AsBytes(vector.Span)))!;

    private static JsonArray Floats(ReadOnlyMemory<float> vector) =>
        new([.. vector.ToArray().Select(value => JsonValue.Create(value))]);
}
