using System.CommandLine;
using Microsoft.ML.Generative.Serialization;
using CliCommand = System.CommandLine.Command;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary><c>generative convert</c>: a model in another form, perhaps with fewer bits.</summary>
internal sealed class ConvertCommand
{
    private readonly Argument<string> _model = ModelArgument.New();

    private readonly Argument<string> _output = new("output")
    {
        Description = "Where to write: a .zip, .gguf or .onnx file, or else a folder.",
    };

    private readonly Option<ModelForm?> _to = new("--to")
    {
        Description = "The form of the output. Default: by its name. A language model as ONNX is a folder.",
    };

    private readonly Option<string?> _weights = new("--weights")
    {
        Description = "The weights of a model of texts: float32, bfloat16, int8, nf4, q8_0, q4_0; in a .gguf file float32, float16, "
            + "bfloat16, q8_0, q4_0.",
        HelpName = "format",
    };

    private readonly Option<string?> _adapter = new("--adapter") { Description = "The adapter to merge into the weights." };
    private readonly Option<bool> _force = new("--force") { Description = "Replace what is there." };

    public ConvertCommand()
    {
        Command = new CliCommand("convert", "Writes a model as a model file, a folder of Hugging Face, a GGUF file or ONNX.")
        {
            _model, _output, _to, _weights, _adapter, _force,
        };
        Command.SetAction(RunAsync);
    }

    public CliCommand Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string output = parsed.GetValue(_output)!;
        ModelForm form = parsed.GetValue(_to) ?? FormOf(output);
        string? weights = parsed.GetValue(_weights);
        // Before a large model is loaded.
        bool exists = File.Exists(output) || (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any());
        if (exists && !parsed.GetValue(_force))
            throw new IOException($"'{output}' exists; add --force to replace it.");
        CheckWeights(form, weights);
        await Task.Run(() => Convert(parsed.GetValue(_model)!, output, form, weights, parsed.GetValue(_adapter)), cancellation)
            .ConfigureAwait(false);
        await parsed.InvocationConfiguration.Output.WriteLineAsync(output).ConfigureAwait(false);
        return 0;
    }

    private static ModelForm FormOf(string output) => Path.GetExtension(output).ToUpperInvariant() switch
    {
        ".ZIP" => ModelForm.Zip,
        ".GGUF" => ModelForm.Gguf,
        ".ONNX" => ModelForm.Onnx,
        _ => ModelForm.Folder,
    };

    private static void CheckWeights(ModelForm form, string? weights)
    {
        string[] known = form switch
        {
            ModelForm.Zip => [.. Enum.GetNames<WeightFormat>().Where(name => name != nameof(WeightFormat.Mixed))],
            ModelForm.Gguf => Enum.GetNames<GgufType>(),
            _ => [nameof(WeightFormat.Float32)],
        };
        if (weights is not null && !known.Contains(weights, StringComparer.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                $"--weights is '{weights}'; supported values for {form}: {string.Join(", ", known).ToLowerInvariant()}.");
        }
    }

    private static void Convert(string path, string output, ModelForm form, string? weights, string? adapter)
    {
        ITransformer model = ModelArgument.Load(path, adapter);
        using var owner = model as IDisposable;
        if (adapter is not null)
            model = Merge(model);
        else if (form != ModelForm.Zip && ActiveAdapter(model) is { } active)
            throw new ArgumentException($"The model uses the adapter '{active}': merge it with --adapter {active}.");
        if (weights is not null && form != ModelForm.Gguf)
        {
            WeightFormat format = Enum.Parse<WeightFormat>(weights, ignoreCase: true);
            model = model switch
            {
                LanguageModelTransformer language => language.Quantize(format),
                SequenceToSequenceTransformer sequence => sequence.Quantize(format),
                _ => throw new NotSupportedException($"--weights is '{weights}', but {ModelArgument.NameOf(model)} is no model of texts."),
            };
        }

        using var converted = model as IDisposable;
        switch (form)
        {
            case ModelForm.Zip:
                AtomicFile.Write(output, stream => new MLContext().Model.Save(model, null, stream));
                break;
            case ModelForm.Gguf:
                RequireLanguageModel(model, form).SaveGguf(
                    output, weights is null ? null : Enum.Parse<GgufType>(weights, ignoreCase: true));
                break;
            case ModelForm.Folder:
                SaveFolder(model, output);
                break;
            case ModelForm.Onnx:
                ExportOnnx(model, output);
                break;
        }
    }

    private static string? ActiveAdapter(ITransformer model) => model switch
    {
        LanguageModelTransformer language => language.ActiveAdapter,
        SequenceToSequenceTransformer sequence => sequence.ActiveAdapter,
        DiffusionTransformer images => images.ActiveAdapter,
        _ => null,
    };

    private static ITransformer Merge(ITransformer model) => model switch
    {
        LanguageModelTransformer language => language.Merge(),
        SequenceToSequenceTransformer sequence => sequence.Merge(),
        DiffusionTransformer images => images.Merge(),
        _ => model,
    };

    private static void SaveFolder(ITransformer model, string folder)
    {
        switch (model)
        {
            case LanguageModelTransformer language:
                language.SavePretrained(folder);
                break;
            case DiffusionTransformer images:
                images.SavePretrained(folder);
                break;
            case SentenceEmbeddingTransformer encoder:
                encoder.SavePretrained(folder);
                break;
            case MaskedLanguageModelTransformer encoder:
                encoder.SavePretrained(folder);
                break;
            case TextClassificationTransformer classifier:
                classifier.SavePretrained(folder);
                break;
            case SequenceToSequenceTransformer sequence:
                sequence.SavePretrained(folder);
                break;
            default:
                throw Unsuited(model, ModelForm.Folder);
        }
    }

    private static void ExportOnnx(ITransformer model, string output)
    {
        switch (model)
        {
            case LanguageModelTransformer language:
                language.ExportOnnx(output);
                break;
            case DiffusionTransformer images:
                images.ExportOnnx(output);
                break;
            case GanTransformer gan:
                gan.ExportOnnx(output);
                break;
            case ImageClassifierTransformer classifier:
                classifier.ExportOnnx(output);
                break;
            case SentenceEmbeddingTransformer encoder:
                encoder.ExportOnnx(output);
                break;
            case MaskedLanguageModelTransformer encoder:
                encoder.ExportOnnx(output);
                break;
            case TextClassificationTransformer classifier:
                classifier.ExportOnnx(output);
                break;
            case SequenceToSequenceTransformer sequence:
                sequence.ExportOnnx(output);
                break;
            case VaeTransformer vae:
                ExportTwo(output, vae.ExportEncoderOnnx, vae.ExportDecoderOnnx);
                break;
            case FlowTransformer flow:
                ExportTwo(output, flow.ExportEncoderOnnx, flow.ExportDecoderOnnx);
                break;
            default:
                throw Unsuited(model, ModelForm.Onnx);
        }
    }

    // Two networks, each a file of its own.
    private static void ExportTwo(string folder, Action<string> exportEncoder, Action<string> exportDecoder)
    {
        Directory.CreateDirectory(folder);
        exportEncoder(Path.Combine(folder, "encoder.onnx"));
        exportDecoder(Path.Combine(folder, "decoder.onnx"));
    }

    private static LanguageModelTransformer RequireLanguageModel(ITransformer model, ModelForm form) =>
        model as LanguageModelTransformer ?? throw Unsuited(model, form);

    private static NotSupportedException Unsuited(ITransformer model, ModelForm form) =>
        new($"{ModelArgument.NameOf(model)} cannot be written as {form}.");
}
