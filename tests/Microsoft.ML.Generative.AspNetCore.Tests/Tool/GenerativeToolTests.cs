using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Tool;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>The commands of the tool, in this process.</summary>
public sealed partial class GenerativeToolTests(ServedModels models) : IClassFixture<ServedModels>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("generative-tool-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_text_is_generated_from_an_option_or_the_input()
    {
        string model = Save(models.Parrot, "parrot.zip");
        Assert.Equal((0, "meow\n", ""), await RunAsync("", "generate", model, "--prompt", "cat?|"));
        Assert.Equal((0, "me\n", ""), await RunAsync("cat?|\n", "generate", model, "--max-tokens", "2"));
        (_, string first, _) = await RunAsync("", "generate", model, "-p", "cat?|", "--temperature", "2", "--seed", "3");
        Assert.Equal(models.Parrot.Generate("cat?|", new() { Temperature = 2, Seed = 3 }) + "\n", first);
    }

    [Fact]
    public async Task A_conversation_is_answered_line_by_line()
    {
        string model = Save(models.Parrot, "parrot.zip");
        Assert.Equal((0, "> meow\n> > meow\n> ", ""), await RunAsync("cat?\n/clear\ncat?\n/exit\nx\n", "chat", model));
        // The second line outgrows the context of 128 tokens.
        (int code, string output, string error) = await RunAsync($"cat?\n{new string('x', 200)}\n", "chat", model);
        Assert.Equal((0, "> meow\n> > "), (code, output));
        Assert.Contains("128", error);
    }

    [Fact]
    public async Task Images_are_generated_to_a_folder()
    {
        string model = Save(models.Images, "images.zip"), folder = Path.Combine(_folder, "made");
        (int code, string output, string error) = await RunAsync(
            "", "generate", model, "--count", "2", "--label", "odd", "--seed", "1", "--output", folder);
        Assert.True(code == 0, error);
        string[] files = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, files.Length);
        Assert.All(files, file => Assert.Equal(64, TestImages.Gray(File.ReadAllBytes(file)).Length));
        (code, _, error) = await RunAsync("", "generate", model, "--label", "green", "--output", folder);
        Assert.Equal(1, code);
        Assert.Contains("green", error);
    }

    [Fact]
    public async Task A_model_is_described()
    {
        (int code, string output, _) = await RunAsync("", "info", Save(models.Parrot, "parrot.zip"));
        Assert.Equal(0, code);
        string[] lines = output.Split('\n');
        Assert.Contains("Kind: LanguageModel", lines);
        Assert.Contains("Architecture.ContextLength: 128", lines);
        Assert.Contains("WeightFormat: Float32", lines);
        Assert.Contains("Generation.Temperature: 0", lines);
        Assert.Contains(models.Parrot.Summary().Split('\n')[^2], lines);
        (_, output, _) = await RunAsync("", "info", Save(models.Images, "images.zip"));
        Assert.Contains("ClassNames: even, odd", output.Split('\n'));
    }

    [Fact]
    public async Task A_model_goes_through_all_forms_and_stays_the_same()
    {
        string zip = Save(models.Parrot, "parrot.zip"), folder = Path.Combine(_folder, "folder");
        string again = Path.Combine(_folder, "again.zip");
        Assert.Equal((0, folder + "\n", ""), await RunAsync("", "convert", zip, folder));
        Assert.Equal((0, again + "\n", ""), await RunAsync("", "convert", folder, again));
        Assert.Equal((0, "meow\n", ""), await RunAsync("", "generate", again, "-p", "cat?|", "--temperature", "0"));

        string small = Path.Combine(_folder, "small.zip");
        Assert.Equal(0, (await RunAsync("", "convert", zip, small, "--weights", "q8_0")).Code);
        Assert.Contains("WeightFormat: Q8_0", (await RunAsync("", "info", small)).Output);
        Assert.Equal("meow\n", (await RunAsync("", "generate", small, "-p", "cat?|")).Output);

        string onnx = Path.Combine(_folder, "onnx");
        Assert.Equal(0, (await RunAsync("", "convert", zip, onnx, "--to", "onnx")).Code);
        Assert.True(File.Exists(Path.Combine(onnx, "model.onnx")));
        Assert.Equal(0, (await RunAsync("", "convert", Save(models.Images, "images.zip"), Path.Combine(_folder, "unet.onnx"))).Code);
        string encoder = Path.Combine(_folder, "encoder");
        Assert.Equal(0, (await RunAsync("", "convert", Save(models.Encoder, "encoder.zip"), encoder, "--to", "onnx")).Code);
        Assert.True(File.Exists(Path.Combine(encoder, "model.onnx")));
    }

    [Fact]
    public async Task An_encoder_decoder_is_generated_with_described_and_converted_with_its_adapter()
    {
        string zip = Save(models.Translator, "translator.zip"), folder = Path.Combine(_folder, "french");
        Assert.Equal((0, "rot\n", ""), await RunAsync("red\n", "generate", zip));
        Assert.Equal((0, "rouge\n", ""), await RunAsync("", "generate", zip, "-p", "red", "--adapter", "french"));
        string[] lines = (await RunAsync("", "info", zip)).Output.Split('\n');
        Assert.Contains("Kind: SequenceToSequence", lines);
        Assert.Contains("Adapters: french", lines);
        Assert.Contains("Generation.Beams: 2", lines);
        Assert.Contains($"Vocabulary: {models.Translator.Codec.VocabularySize}", lines);

        Assert.Equal((0, folder + "\n", ""), await RunAsync("", "convert", zip, folder, "--adapter", "french"));
        Assert.Equal((0, "vert\n", ""), await RunAsync("", "generate", folder, "-p", "green"));
        string small = Path.Combine(_folder, "small.zip");
        Assert.Equal(0, (await RunAsync("", "convert", zip, small, "--weights", "bfloat16")).Code);
        Assert.Contains("WeightFormat: BFloat16", (await RunAsync("", "info", small)).Output);
        Assert.Equal((0, "bleu\n", ""), await RunAsync("", "generate", small, "-p", "blue", "--adapter", "french"));
    }

    [Fact]
    public async Task Errors_have_words_and_codes()
    {
        string zip = Save(models.Parrot, "parrot.zip"), missing = Path.Combine(_folder, "missing.zip");
        await AssertAsync(GenerativeTool.Failed, missing, "generate", missing, "-p", "x");
        await AssertAsync(GenerativeTool.Failed, missing, "serve", missing, "--urls", "http://127.0.0.1:0");
        await AssertAsync(GenerativeTool.Failed, "--force", "convert", zip, zip);
        await AssertAsync(GenerativeTool.Failed, "q4_0", "convert", zip, Path.Combine(_folder, "a.gguf"), "--weights", "q3");
        await AssertAsync(GenerativeTool.Failed, "Diffusion", "chat", Save(models.Images, "images.zip"));
        await AssertAsync(GenerativeTool.Failed, "poet", "generate", zip, "--adapter", "poet");
        await AssertAsync(GenerativeTool.Failed, "Temperature", "generate", zip, "-p", "cat?|", "--temperature", "-1");
        await AssertAsync(GenerativeTool.Failed, "two", "serve", zip, "second=" + zip, "--name", "two");
        await AssertAsync(GenerativeTool.WrongUsage, "frobnicate", "frobnicate");
        await AssertAsync(GenerativeTool.WrongUsage, "'info'", "info");
        await AssertAsync(GenerativeTool.WrongUsage, "ten", "generate", zip, "--max-tokens", "ten");

        async Task AssertAsync(int expected, string word, params string[] args)
        {
            (int code, string output, string error) = await RunAsync("", args);
            Assert.True(code == expected, $"{code}: {output}{error}");
            Assert.Contains(word, error);
        }
    }

    [Fact]
    public async Task Each_command_has_help()
    {
        string[] words = (await RunAsync("", "--help")).Output.Split(' ', '\n');
        foreach (string command in (string[])["serve", "generate", "chat", "info", "convert"])
        {
            Assert.Contains(command, words);
            (int code, string output, _) = await RunAsync("", command, "--help");
            Assert.Equal(0, code);
            Assert.Contains("<model", output);
        }
    }

    [Fact]
    public async Task Models_are_served_until_the_command_is_stopped()
    {
        string zip = Save(models.Parrot, "parrot.zip");
        using var stop = new CancellationTokenSource();
        var output = new LineWriter();
        using var error = new StringWriter();
        Task<int> serving = GenerativeTool.RunAsync(
            ["serve", zip, "second=" + zip, "--urls", "http://127.0.0.1:0", "--api-key", "secret", "--max-output-tokens", "2"],
            TextReader.Null, output, error, stop.Token);
        string line = await output.FirstLine.WaitAsync(Eventually.Limit);
        Match address = AddressPattern().Match(line);
        Assert.True(address.Success, line);
        using var http = new HttpClient { BaseAddress = new Uri(address.Value) };
        Assert.Equal("ready", await http.GetStringAsync("/health/ready"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/v1/models")).StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        foreach (string name in (string[])["parrot", "second"])
        {
            HttpResponseMessage answer = await http.PostAsync("/v1/completions", new StringContent(
                $$"""{"model":"{{name}}","prompt":"cat?|","max_tokens":50}""", Encoding.UTF8, "application/json"));
            Assert.Contains("\"text\":\"me\"", await answer.Content.ReadAsStringAsync());
        }

        await stop.CancelAsync();
        Assert.Equal(0, await serving);
        Assert.Equal("", error.ToString());
    }

    [Fact]
    public void Libtorch_is_found_in_the_cache_of_NuGet()
    {
        string native = Path.Combine(_folder, "libtorch-cpu-linux-x64", "2.10.0", "runtimes", "linux-x64", "native");
        Assert.Null(LibTorchSearch.Find(_ => _folder, "linux-x64"));
        Directory.CreateDirectory(native);
        File.WriteAllText(Path.Combine(native, Runtime.LibTorchFolder.FileName("torch_cpu")), "");
        Assert.Equal(native, LibTorchSearch.Find(name => name == "NUGET_PACKAGES" ? _folder : null, "linux-x64"));
    }

    private string Save(ITransformer model, string name)
    {
        string path = Path.Combine(_folder, name);
        if (!File.Exists(path))
            new MLContext().Model.Save(ModelLoader.Unwrap(model), null, path);
        return path;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string input, params string[] args)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = await GenerativeTool.RunAsync(args, new StringReader(input), output, error, CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex AddressPattern();

    /// <summary>An output whose first line can be awaited.</summary>
    private sealed class LineWriter : TextWriter
    {
        private readonly TaskCompletionSource<string> _line = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> FirstLine => _line.Task;

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
        {
        }

        public override void WriteLine(string? value) => _line.TrySetResult(value ?? "");

        public override Task WriteLineAsync(string? value)
        {
            WriteLine(value);
            return Task.CompletedTask;
        }
    }
}
