using Microsoft.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>
/// /v1/images/edits: generates again what is transparent in the mask, or in the image; or else variations of the whole image, as far from
/// it as <c>strength</c> says.
/// </summary>
internal static class ImageEditEndpoint
{
    private const double DefaultStrength = 0.5;

    private static readonly string[] _imageNames = ["image", "image[]"];

    public static async Task Run(ServerRequest request)
    {
        (JsonBody fields, IFormFileCollection files) = await request.ReadFormAsync("n", "seed", "strength").ConfigureAwait(false);
        var wanted = new ImageRequest(fields, request.FindModel(fields), fields.Text("prompt") ?? "");
        ImageShape shape = wanted.Model.Definition.Architecture.Shape;
        IFormFile[] images = [.. files.Where(file => _imageNames.Contains(file.Name))];
        if (images.Length != 1)
            throw new OpenAIException(400, $"The form has {images.Length} files 'image'; expected one.", "image");
        using EditedImage image = EditedImage.Read(images[0], "image", shape);
        float[] planes = image.Planes(shape);
        float[]? mask = Mask(files, image, shape);
        if (mask is null)
        {
            double strength = fields.Number("strength", 0, 1) ?? DefaultStrength;
            await wanted.AnswerAsync(
                request, (model, count, options) => model.ImageToImage(planes, strength, count, options)).ConfigureAwait(false);
            return;
        }

        if (fields.Find("strength") is not null)
            throw fields.Unsupported("strength", "none where a part of the image is generated again");
        await wanted.AnswerAsync(request, (model, count, options) => model.Inpaint(planes, mask, count, options)).ConfigureAwait(false);
    }

    // Null: nothing is transparent.
    private static float[]? Mask(IFormFileCollection files, EditedImage image, ImageShape shape)
    {
        if (files.GetFile("mask") is not { } file)
            return image.IsOpaque ? null : image.Transparency();
        using EditedImage mask = EditedImage.Read(file, "mask", shape);
        return mask.IsOpaque ? throw new OpenAIException(
            400, "The mask has no transparent pixel: those are generated again.", "mask") : mask.Transparency();
    }
}
