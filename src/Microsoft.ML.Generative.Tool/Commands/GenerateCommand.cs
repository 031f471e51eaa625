using System.CommandLine;
using CliCommand = System.CommandLine.Command;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary><c>generative generate</c>: a text to the output, or images to a folder.</summary>
internal sealed class GenerateCommand
{
    private readonly TextReader _input;
    private readonly Argument<string> _model = ModelArgument.New();
    private readonly TextOptions _text = new();

    private readonly Option<string?> _prompt =
        new("--prompt", "-p") { Description = "What the text continues, or is made of. Default: the input, to its end." };

    private readonly Option<string?> _adapter = new("--adapter") { Description = "The adapter to use." };
    private readonly Option<int> _count = new("--count") { Description = "Images.", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> _label = new("--label") { Description = "The class of the images, by its name." };
    private readonly Option<int?> _steps = new("--steps") { Description = "Steps of a diffusion model's sampler." };

    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "The folder for images.",
        HelpName = "folder",
        DefaultValueFactory = _ => "output",
    };

    public GenerateCommand(TextReader input)
    {
        _input = input;
        Command = new CliCommand("generate", "Generates a text, or images.") { _model, _prompt, _adapter, _count, _label, _steps, _output };
        _text.AddTo(Command);
        Command.SetAction(RunAsync);
    }

    public CliCommand Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        ITransformer model = ModelArgument.Load(parsed.GetValue(_model)!, parsed.GetValue(_adapter));
        using var owner = model as IDisposable;
        TextWriter output = parsed.InvocationConfiguration.Output;
        switch (model)
        {
            case LanguageModelTransformer language:
                await WriteAsync(
                    language.StreamAsync(await PromptAsync(parsed, cancellation).ConfigureAwait(false),
                        _text.Of(parsed, language.Generator.Defaults), cancellation),
                    output).ConfigureAwait(false);
                return 0;
            case SequenceToSequenceTransformer sequence:
                string source = await PromptAsync(parsed, cancellation).ConfigureAwait(false);
                await WriteAsync(
                    sequence.Generator.StreamAsync(
                        sequence.Generator.Encode(source), _text.Of(parsed, sequence.Generator.Defaults), _ => { }, cancellation),
                    output).ConfigureAwait(false);
                return 0;
            default:
                IDataView images = await Task.Run(() => Images(model, parsed, cancellation), cancellation).ConfigureAwait(false);
                foreach (string file in images.SaveImages(parsed.GetValue(_output)!))
                    await output.WriteLineAsync(file).ConfigureAwait(false);
                return 0;
        }
    }

    private async Task<string> PromptAsync(ParseResult parsed, CancellationToken cancellation) => parsed.GetValue(_prompt)
        ?? (await _input.ReadToEndAsync(cancellation).ConfigureAwait(false)).TrimEnd('\r', '\n');

    private static async Task WriteAsync(IAsyncEnumerable<string> pieces, TextWriter output)
    {
        await foreach (string piece in pieces.ConfigureAwait(false))
        {
            await output.WriteAsync(piece).ConfigureAwait(false);
            await output.FlushAsync().ConfigureAwait(false);
        }

        await output.WriteLineAsync().ConfigureAwait(false);
    }

    private IDataView Images(ITransformer model, ParseResult parsed, CancellationToken cancellation)
    {
        int count = parsed.GetValue(_count);
        int? seed = parsed.GetValue(_text.Seed);
        string? label = parsed.GetValue(_label);
        return model switch
        {
            DiffusionTransformer diffusion => diffusion.Generate(count, new DiffusionGenerateOptions
            {
                Seed = seed,
                LabelName = label,
                Steps = parsed.GetValue(_steps),
                CancellationToken = cancellation,
            }),
            GanTransformer gan => gan.Generate(count, new GanGenerateOptions { Seed = seed, LabelName = label }),
            VaeTransformer vae => vae.Generate(count, new VaeGenerateOptions { Seed = seed, LabelName = label }),
            VqVaeTransformer vqVae when label is null => vqVae.Generate(count, new VqVaeGenerateOptions { Seed = seed }),
            VqVaeTransformer => throw new NotSupportedException($"--label is '{label}', but the model has no classes."),
            _ => throw new NotSupportedException($"{ModelArgument.NameOf(model)} generates neither texts nor images."),
        };
    }
}
