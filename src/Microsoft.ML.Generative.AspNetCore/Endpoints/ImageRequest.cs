using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Images;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>What requests of images have in common.</summary>
internal sealed class ImageRequest
{
    private const int MostImages = 10;

    private readonly ServedModel _served;
    private readonly int _count;
    private readonly DiffusionGenerateOptions _options;

    /// <exception cref="OpenAIException">A member asks for what the model cannot do.</exception>
    public ImageRequest(JsonBody body, ServedModel model, string prompt)
    {
        (_served, Model) = (model, model.ImageModel);
        _count = body.Integer("n", 1, MostImages) ?? 1;
        if (body.Text("response_format") is not (null or "b64_json"))
            throw body.Unsupported("response_format", "b64_json");
        if (body.Text("output_format") is not (null or "png"))
            throw body.Unsupported("output_format", "png");
        if (body.Find("stream") is { } stream && stream.ToString() is not ("False" or "false"))
            throw body.Unsupported("stream", "false");
        ImageShape shape = Model.Definition.Architecture.Shape;
        string own = string.Create(CultureInfo.InvariantCulture, $"{shape.Width}x{shape.Height}");
        if (body.Text("size") is { } size && size != "auto" && size != own)
            throw body.Unsupported("size", $"auto or {own}, which is the size of the model's images");
        _options = new DiffusionGenerateOptions { LabelName = LabelOf(Model, prompt.Trim(), body) };
        if (body.Long("seed") is { } seed)
            _options.Seed = (int)(seed ^ seed >> 32);
    }

    /// <summary>The model.</summary>
    public DiffusionTransformer Model { get; }

    /// <summary>Generates, and answers with the images.</summary>
    /// <param name="request">The request.</param>
    /// <param name="generate">Generates images with options.</param>
    public async Task AnswerAsync(ServerRequest request, Func<DiffusionTransformer, int, DiffusionGenerateOptions, IDataView> generate)
    {
        _options.CancellationToken = request.Cancellation;
        var provenance = new ImageProvenance { Model = _served.Name, Seed = _options.Seed, Prompt = _options.LabelName };
        string[] images = await _served.InTurnAsync(
            () => Task.Run(() => Encode(generate(Model, _count, _options), provenance), request.Cancellation), request.Cancellation)
            .ConfigureAwait(false);
        await request.WriteAsync(new JsonObject
        {
            ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            ["data"] = new JsonArray([.. images.Select(image => new JsonObject { ["b64_json"] = image })]),
        }).ConfigureAwait(false);
    }

    private static string? LabelOf(DiffusionTransformer model, string prompt, JsonBody body) =>
        model.ClassNames.Count == 0 || prompt.Length == 0 ? null
        : model.ClassNames.FirstOrDefault(name => string.Equals(name, prompt, StringComparison.OrdinalIgnoreCase))
            ?? throw body.Unsupported("prompt", $"one of the classes {string.Join(", ", model.ClassNames.Select(n => Quoted.Text(n)))}");

    private static string[] Encode(IDataView rows, ImageProvenance provenance)
    {
        List<string> images = [];
        foreach (MLImage image in rows.ToMLImages())
        {
            using (image)
                images.Add(Convert.ToBase64String(provenance.AddTo(ImageGrid.ToPng(image))));
        }

        return [.. images];
    }
}
