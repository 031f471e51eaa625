using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Module10.Http;
using Module10.Jobs;
using Module10.Models;

namespace Module10.Rooms.Art;

/// <summary>
/// Paints for a visitor. Events: <c>prompt</c> (understood, ignored), <c>preview</c> (step, totalSteps, images) while images are denoised,
/// and <c>images</c> (images).
/// </summary>
internal sealed class ArtStudio(DiffusionTransformer model, JobEvents events)
{
    private const int Frames = 16;
    private const int WalkSteps = 40;
    private const int MostPreviews = 12;
    private const int Resamplings = 4;

    /// <summary>Images from noise.</summary>
    public void Generate(ArtRequest request) =>
        SendImages(model.Generate(request.Count, Options(request, request.Prompt, request.Count, request.Seed)), request.Size);

    /// <summary>Images like one that is given.</summary>
    public void Vary(ArtRequest request)
    {
        float[] image = PngImage.Read(request.Image);
        DiffusionGenerateOptions options = Options(request, request.Prompt, request.Count, request.Seed);
        SendImages(model.ImageToImage(image, request.Strength, request.Count, options), request.Size);
    }

    /// <summary>The part of an image that is marked, again.</summary>
    public void Inpaint(ArtRequest request)
    {
        float[] image = PngImage.Read(request.Image), mask = PngImage.ReadMask(request.Mask);
        DiffusionGenerateOptions options = Options(request, request.Prompt, request.Count, request.Seed);
        // Only these two can take a step several times, which makes the new part fit the old.
        int resamplings = options.Sampler is DiffusionSampler.Ddim or DiffusionSampler.Ddpm ? Resamplings : 1;
        SendImages(model.Inpaint(image, mask, request.Count, options, resamplings), request.Size);
    }

    /// <summary>A walk from one image to another, through the noise of both.</summary>
    public void Walk(ArtRequest request)
    {
        float[] from = One(request.Prompt, request.Seed), to = One(request.ToPrompt, request.ToSeed);
        SendImages(model.Interpolate(from, to, Frames, Free(WalkSteps)), request.Size);

        float[] One(string prompt, int seed) => Images(model.Generate(1, Options(request, prompt, 1, seed)))[0];
    }

    private DiffusionGenerateOptions Options(ArtRequest request, string text, int count, int seed)
    {
        ArtPrompt prompt = ArtPrompt.Read(text);
        events.Send("prompt", new { understood = prompt.Description, prompt.Ignored });
        if (prompt.IsEmpty && prompt.Ignored.Count > 0)
        {
            string colors = string.Join(", ", DrawnShapes.Colors.Select(color => color.Name));
            throw new VisitorException(400, $"The model knows the colors {colors} and the shapes {string.Join(", ", DrawnShapes.Shapes)}: "
                + "name one of them, or nothing.");
        }

        DiffusionGenerateOptions options = Free(request.Steps);
        options.Seed = seed;
        options.Sampler = Enum.Parse<DiffusionSampler>(request.Sampler);
        options.Labels = prompt.Labels(count);
        // There is nothing to be guided to without a class.
        options.GuidanceScale = options.Labels is null ? 1 : request.Guidance;
        return options;
    }

    private DiffusionGenerateOptions Free(int steps) => new()
    {
        Steps = steps,
        GuidanceScale = 1,
        PreviewInterval = Math.Max(1, steps / MostPreviews),
        Progress = new InlineProgress<DiffusionProgress>(SendPreview),
        CancellationToken = events.Cancellation,
    };

    private void SendPreview(DiffusionProgress progress) => events.Send("preview", new
    {
        progress.Step,
        progress.TotalSteps,
        Images = progress.Preview is { } preview ? Pngs(preview, DrawnShapes.Side) : null,
    });

    private void SendImages(IDataView generated, int size) =>
        events.Send("images", new { Images = Pngs(generated, size) });

    private static string[] Pngs(IDataView data, int size) => [.. Images(data).Select(image => PngImage.Write(image, size))];

    private static float[][] Images(IDataView data) => [.. data.GetColumn<float[]>("Generated")];
}
