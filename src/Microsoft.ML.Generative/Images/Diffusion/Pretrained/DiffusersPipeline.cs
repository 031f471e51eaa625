using System.Text;

namespace Microsoft.ML.Generative.Images.Diffusion.Pretrained;

/// <summary>What of diffusers runs a saved model: a pipeline, or a loop, which the folder's README.md shows.</summary>
/// <param name="Architecture">The model.</param>
/// <param name="Scheduler">The class of its scheduler.</param>
internal sealed record DiffusersPipeline(DiffusionArchitecture Architecture, string Scheduler)
{
    public const string ReadmeName = "README.md";

    private const string Ddpm = "DDPMPipeline";
    private const string Ddim = "DDIMPipeline";

    // The beginning of a README.md that may be written again.
    private const string FirstLines = "---\nlibrary_name: diffusers\n---\n\n# Diffusion model, saved by Microsoft.ML.Generative\n";

    /// <summary>
    /// The pipeline's class: one that calls the scheduler's step as it is, or <c>DDIMPipeline</c>, which makes a <c>DDIMScheduler</c> of
    /// any scheduler's configuration.
    /// </summary>
    public string ClassName => Scheduler switch
    {
        "DDPMScheduler" or "DPMSolverMultistepScheduler" or "FlowMatchEulerDiscreteScheduler" => Ddpm,
        // It generates squares only.
        "PNDMScheduler" when Architecture.Shape.Height == Architecture.Shape.Width => "PNDMPipeline",
        _ => Ddim,
    };

    private bool HasClasses => Architecture.LabelCount > 0 || Architecture.HasNullLabel;

    private bool IsFlow => Architecture.Process == DiffusionProcess.FlowMatching;

    private bool ReplacesScheduler => ClassName == Ddim && Scheduler != "DDIMScheduler";

    /// <summary>Whether a README.md is one of these.</summary>
    public static bool IsOwn(string readme) => readme.ReplaceLineEndings("\n").StartsWith(FirstLines, StringComparison.Ordinal);

    /// <summary>The content of README.md.</summary>
    public string Readme()
    {
        var text = new StringBuilder(FirstLines);
        text.Append($"\nImages: {Architecture.Shape}, values in −1..1 inside the model.\n\n");
        if (HasClasses)
        {
            text.Append(
                $"The model is conditioned on {Architecture.LabelCount} classes. "
                + "diffusers' pipelines for a `UNet2DModel` pass no `class_labels`, so that none of them, "
                + $"`{ClassName}` of `model_index.json` included, can run it. This loop does:\n\n").Append(Loop());
            return text.ToString();
        }

        text.Append(
            $"```python\nfrom diffusers import {ClassName}\n\npipeline = {ClassName}.from_pretrained(\".\")\n"
            + "images = pipeline(batch_size=4, num_inference_steps=50).images\n```\n");
        if (ReplacesScheduler)
            text.Append(
                $"\nThe pipeline makes a `DDIMScheduler` of the configuration of `{Scheduler}`, which no pipeline for a `UNet2DModel` "
                + "runs as it is. With that scheduler itself:\n\n")
                .Append(Loop());
        return text.ToString();
    }

    private string Loop()
    {
        (int channels, int height, int width) = (Architecture.Shape.Channels, Architecture.Shape.Height, Architecture.Shape.Width);
        List<string> lines =
        [
            "import torch",
            $"from diffusers import UNet2DModel, {Scheduler}",
            "",
            "unet = UNet2DModel.from_pretrained(\".\", subfolder=\"unet\")",
            $"scheduler = {Scheduler}.from_pretrained(\".\", subfolder=\"scheduler\")",
            "scheduler.set_timesteps(50)",
        ];
        if (HasClasses)
            lines.Add($"labels = torch.tensor([0, {Architecture.LabelCount - 1}])  # 0 to {Architecture.LabelCount - 1}");
        if (Architecture.HasNullLabel)
        {
            lines.Add($"none = torch.full_like(labels, {Architecture.LabelCount})  # the class of images without one");
            lines.Add("guidance = 2.0  # 1: none");
        }

        // Flow matching begins with standard normal noise and scales nothing.
        string count = HasClasses ? "len(labels)" : "4", scale = IsFlow ? "" : " * scheduler.init_noise_sigma";
        lines.Add($"sample = torch.randn({count}, {channels}, {height}, {width}){scale}");
        lines.Add("with torch.no_grad():");
        lines.Add("    for t in scheduler.timesteps:");
        lines.Add(IsFlow ? "        x = sample" : "        x = scheduler.scale_model_input(sample, t)");
        if (Architecture.HasNullLabel)
        {
            lines.Add("        both = unet(torch.cat([x, x]), t, class_labels=torch.cat([labels, none])).sample");
            lines.Add("        conditional, unconditional = both.chunk(2)");
            lines.Add("        output = unconditional + guidance * (conditional - unconditional)");
            if (Architecture.LearnsVariance)
                lines.Add($"        output[:, {channels}:] = conditional[:, {channels}:]  # the variance is not guided");
        }
        else
        {
            lines.Add($"        output = unet(x, t{(HasClasses ? ", class_labels=labels" : "")}).sample");
        }

        lines.Add("        sample = scheduler.step(output, t, sample).prev_sample");
        lines.Add("images = (sample / 2 + 0.5).clamp(0, 1)");
        return $"```python\n{string.Join('\n', lines)}\n```\n";
    }
}
