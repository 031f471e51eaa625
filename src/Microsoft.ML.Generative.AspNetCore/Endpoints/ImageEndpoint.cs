using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Images;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/images/generations: of a model with classes, the prompt is the name of one.</summary>
internal static class ImageEndpoint
{
    private const int MostImages = 10;

    public static async Task Run(ServerRequest request)
    {
        JsonBody body = await request.ReadBodyAsync().ConfigureAwait(false);
        ServedModel model = request.FindModel(body);
        DiffusionTransformer images = model.ImageModel;
        string prompt = body.RequiredText("prompt");
        int count = body.Integer("n", 1, MostImages) ?? 1;
        if (body.Text("response_format") is not (null or "b64_json"))
            throw body.Unsupported("response_format", "b64_json");
        if (body.Text("output_format") is not (null or "png"))
            throw body.Unsupported("output_format", "png");
        if (body.Bool("stream") == true)
            throw body.Unsupported("stream", "false");
        var options = new DiffusionGenerateOptions { LabelName = LabelOf(images, prompt.Trim(), body) };
        if (body.Long("seed") is { } seed)
            options.Seed = (int)(seed ^ seed >> 32);
        var provenance = new ImageProvenance { Model = model.Name, Seed = options.Seed, Prompt = options.LabelName };
        (string Size, string[] Images) made = await Task.Run(() => Generate(images, count, options, provenance), request.Cancellation)
            .ConfigureAwait(false);
        if (body.Text("size") is { } size && size != "auto" && size != made.Size)
            throw body.Unsupported("size", $"auto or {made.Size}, which is the size of the model's images");
        await request.WriteAsync(new JsonObject
        {
            ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            ["data"] = new JsonArray([.. made.Images.Select(image => new JsonObject { ["b64_json"] = image })]),
        }).ConfigureAwait(false);
    }

    private static string? LabelOf(DiffusionTransformer model, string prompt, JsonBody body) =>
        model.ClassNames.Count == 0 || prompt.Length == 0 ? null
        : model.ClassNames.FirstOrDefault(name => string.Equals(name, prompt, StringComparison.OrdinalIgnoreCase))
            ?? throw body.Unsupported("prompt", $"one of the classes {string.Join(", ", model.ClassNames.Select(n => Quoted.Text(n)))}");

    private static (string Size, string[] Images) Generate(
        DiffusionTransformer model, int count, DiffusionGenerateOptions options, ImageProvenance provenance)
    {
        List<string> images = [];
        string size = "";
        foreach (MLImage image in model.Generate(count, options).ToMLImages())
        {
            using (image)
            {
                size = string.Create(CultureInfo.InvariantCulture, $"{image.Width}x{image.Height}");
                images.Add(Convert.ToBase64String(provenance.AddTo(ImageGrid.ToPng(image))));
            }
        }

        return (size, [.. images]);
    }
}
