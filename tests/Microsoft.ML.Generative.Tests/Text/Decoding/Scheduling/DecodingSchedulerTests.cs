using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class DecodingSchedulerTests : IDisposable
{
    private const int Context = 256;

    private static readonly TextCodec _codec = TextCodec.Of(GenerativeTokenizers.CharacterLevel(
        ["abcdefghijklmnopqrst "], new CharacterLevelOptions { EndOfTextToken = null }));

    private readonly LanguageModelNetwork _network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"] with
    {
        VocabularySize = _codec.VocabularySize,
        ContextLength = Context,
    });

    public void Dispose() => _network.Dispose();

    // Prompts of one token, of several blocks, longer than the context, and with equal beginnings.
    [Fact]
    public async Task A_text_is_the_same_as_alone_whatever_runs_beside_it()
    {
        using DecodingScheduler scheduler = Scheduler();
        (GenerationRequest Request, TextGenerationOptions Options)[] all = [.. Enumerable.Range(0, 48).Select(i =>
        {
            var random = new Random(i / 3);
            int length = (i % 6) switch { 0 => 1, 1 => 40, 2 => 140, 3 => 300, 4 => 250, _ => 200 };
            int[] tokens = [.. Enumerable.Range(0, length).Select(_ => random.Next(_codec.VocabularySize))];
            var options = new TextGenerationOptions
            {
                MaxTokens = i % 6 == 4 ? 30 : 4 + i % 5 * 4,
                Temperature = i % 4 == 0 ? 0 : 1,
                TopK = i % 5 == 0 ? 5 : null,
                RepetitionPenalty = i % 7 == 0 ? 1.3 : 1,
                StopStrings = i % 8 == 0 ? ["ab"] : [],
            };
            return (new GenerationRequest(tokens, i), options);
        })];
        string[] alone = [.. all.Select(one => string.Concat(new TextGenerator(_codec, Context, Open).Stream(one.Request, one.Options)))];
        for (int round = 0; round < 2; round++)
        {
            string[] together = await Task.WhenAll(all.Select((one, i) => i % 3 == 0
                ? Task.Run(() => string.Concat(scheduler.Enumerate(Add(scheduler, one.Request, one.Options, false), () => { })))
                : Whole(scheduler, Add(scheduler, one.Request, one.Options, true))));
            Assert.Equal(alone, together);
        }

        Assert.Equal((0, 0), scheduler.Load);
    }

    [Fact]
    public async Task What_prompts_begin_with_alike_is_computed_once()
    {
        using DecodingScheduler scheduler = Scheduler();
        int[] shared = [.. Enumerable.Range(0, 200).Select(i => i * 7 % 20)];
        var options = new TextGenerationOptions { MaxTokens = 5, Temperature = 0 };
        ScheduledText[] texts = [.. Enumerable.Range(0, 8).Select(
            i => Add(scheduler, new GenerationRequest([.. shared, i, i + 1], 0), options, true))];
        string[] written = await Task.WhenAll(texts.Select(text => Whole(scheduler, text)));
        Assert.Equal(200 + 8 * 2, scheduler.ComputedPromptTokens);

        // The next turn of one of them: only what is new is computed, with the last token of the answer.
        int[] first = [.. texts[3].Stream.Tokens];
        var next = new GenerationRequest([.. first, 1, 2, 3], 0);
        string expected = string.Concat(new TextGenerator(_codec, Context, Open).Stream(next, options));
        Assert.Equal(expected, await Whole(scheduler, Add(scheduler, next, options, true)));
        Assert.Equal(200 + 8 * 2 + 4, scheduler.ComputedPromptTokens);
        Assert.Equal(8, written.Length);
    }

    [Fact]
    public async Task A_text_that_nobody_wants_any_more_leaves_its_place_and_the_model()
    {
        using DecodingScheduler scheduler = Scheduler();
        var options = new TextGenerationOptions { MaxTokens = int.MaxValue };
        using var cancelled = new CancellationTokenSource();
        var uses = new Use[DecodingScheduler.Places + 3];
        Task[] endless = [.. Enumerable.Range(0, uses.Length).Select(async i =>
        {
            var text = new ScheduledText(new GenerationRequest([i % 5], i), options, _codec, uses[i] = new Use()) { IsAsynchronous = true };
            scheduler.Add(text);
            await foreach (string _ in scheduler.EnumerateAsync(text, cancelled.Token))
            {
            }
        })];
        await Eventually.HoldsAsync(() => scheduler.Load == (DecodingScheduler.Places, 3), "all places are taken and three texts wait");
        await cancelled.CancelAsync();
        foreach (Task one in endless)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        // A step may still be under way.
        await Eventually.HoldsAsync(() => scheduler.Load == (0, 0), "all places are free and nobody waits");
        Assert.All(uses, use => Assert.True(use.IsOver));
        Assert.Equal(3, (await Whole(scheduler, Add(scheduler, new GenerationRequest([1], 1), new() { MaxTokens = 3 }, true))).Length);
    }

    [Fact]
    public async Task A_text_that_fails_fails_alone()
    {
        using DecodingScheduler scheduler = Scheduler();
        var forbidden = new TextGenerationOptions
        {
            LogitBias = Enumerable.Range(0, _codec.VocabularySize).ToDictionary(i => i, _ => float.NegativeInfinity),
        };
        var options = new TextGenerationOptions { MaxTokens = 40 };
        var request = new GenerationRequest([1, 2], 5);
        Task<string> good = Whole(scheduler, Add(scheduler, request, options, true));
        Task<string> bad = Whole(scheduler, Add(scheduler, request, forbidden, true));
        Assert.Equal(string.Concat(new TextGenerator(_codec, Context, Open).Stream(request, options)), await good);
        await Assert.ThrowsAsync<InvalidOperationException>(() => bad);
        Assert.Throws<InvalidOperationException>(
            () => string.Concat(scheduler.Enumerate(Add(scheduler, request, forbidden, false), () => { })));
    }

    [Fact]
    public async Task Memory_is_bounded_and_free_places_give_theirs_up()
    {
        using var session = new WatchedSession(new KernelDecodingSession(_network, DecodingScheduler.Places, Context));
        int pagesOfText = Context / KeyValueCache.PageLength;
        using var scheduler = new DecodingScheduler(Context, _ => session, 3 * pagesOfText * session.PageBytes);
        int mostRunning = 0;
        using var allAreAdded = new ManualResetEventSlim();
        session.Stepped = () =>
        {
            // A text may be over before the next one is added.
            Assert.True(allAreAdded.Wait(TimeSpan.FromMinutes(1)));
            mostRunning = Math.Max(mostRunning, scheduler.Load.Running);
        };
        var options = new TextGenerationOptions { MaxTokens = 100, Temperature = 0 };
        for (int round = 0; round < 3; round++)
        {
            allAreAdded.Reset();
            ScheduledText[] texts = [.. Enumerable.Range(0, 6).Select(i => Add(
                scheduler, new GenerationRequest([.. Enumerable.Repeat((i + round) % 20, 130 + i)], i), options, true))];
            allAreAdded.Set();
            Assert.All(await Task.WhenAll(texts.Select(text => Whole(scheduler, text))), text => Assert.Equal(100, text.Length));
        }

        Assert.Equal(3, mostRunning);
        Assert.InRange(session.MostPages, 2 * pagesOfText, 3 * pagesOfText + 3);
    }

    [Fact]
    public void Streams_that_share_a_beginning_do_not_disturb_each_other()
    {
        int[] tokens = [.. Enumerable.Range(0, 90).Select(i => i * 5 % 20)];
        using KernelDecodingSession shared = Open(4), alone = Open(1);
        float[] logits = new float[_codec.VocabularySize], expected = new float[_codec.VocabularySize];
        shared.Prefill(0, tokens, []);
        Assert.True(shared.TryShare(0, 1, 70));
        Assert.True(shared.TryShare(1, 2, 3));
        Assert.False(shared.TryShare(2, 3, 4));
        shared.Copy(0, 3);
        foreach ((int stream, int length) in ((int, int)[])[(0, 90), (1, 70), (2, 3), (3, 90)])
        {
            int[] more = [.. Enumerable.Range(0, 50).Select(i => (i + stream) % 20)];
            shared.Prefill(stream, more, logits);
            alone.Reset(0);
            alone.Prefill(0, [.. tokens[..length], .. more], expected);
            Assert.Equal(expected, logits);
        }
    }

    private KernelDecodingSession Open(int streams) => new KernelDecodingSession(_network, streams, Context);

    private DecodingScheduler Scheduler() => new(Context, Open, long.MaxValue);

    private static ScheduledText Add(
        DecodingScheduler scheduler, GenerationRequest request, TextGenerationOptions options, bool isAsynchronous)
    {
        var text = new ScheduledText(request, options, _codec, new Use()) { IsAsynchronous = isAsynchronous };
        scheduler.Add(text);
        return text;
    }

    private static async Task<string> Whole(DecodingScheduler scheduler, ScheduledText text)
    {
        string whole = "";
        await foreach (string piece in scheduler.EnumerateAsync(text, default))
            whole += piece;
        return whole;
    }

    // Looks after each step, on the thread that computes it.
    private sealed class WatchedSession(IDecodingSession session) : IDecodingSession
    {
        public Action Stepped { get; set; } = () => { };

        public long MostPages { get; private set; }

        public int Streams => session.Streams;

        public int VocabularySize => session.VocabularySize;

        public int ContextLength => session.ContextLength;

        public bool IsExact => session.IsExact;

        public int Pages => session.Pages;

        public int UsedPages => session.UsedPages;

        public long PageBytes => session.PageBytes;

        public int PageLength => session.PageLength;

        public void Append(ReadOnlySpan<int> streams, ReadOnlySpan<int> tokens, Span<float> logits)
        {
            session.Append(streams, tokens, logits);
            Look();
        }

        public void Prefill(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
        {
            session.Prefill(stream, tokens, logits);
            Look();
        }

        public void Copy(int from, int to) => session.Copy(from, to);

        public bool TryShare(int from, int to, int length) => session.TryShare(from, to, length);

        public void Reset(int stream) => session.Reset(stream);

        public void Dispose() => session.Dispose();

        private void Look()
        {
            MostPages = Math.Max(MostPages, session.UsedPages);
            Stepped();
        }
    }

    private sealed class Use : IDisposable
    {
        public bool IsOver { get; private set; }

        public void Dispose() => IsOver = true;
    }
}
