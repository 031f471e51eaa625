using System.Net;
using System.Text.Json.Nodes;
using Module10.Rooms.Art;
using SkiaSharp;

namespace Module10.Tests;

[Collection(CapstoneCollection.Name)]
public sealed class ArtTests(CapstoneServer server) : IDisposable
{
    private readonly Visitor _visitor = new(server.Address);

    [Fact]
    public async Task Images_appear_while_they_are_denoised()
    {
        var events = await _visitor.RunAsync(
            "/api/art/generate", new { prompt = "two red stars", steps = 4, count = 2, seed = 3, size = 120 });
        string[] names = [.. events.Select(e => e.Name)];
        Assert.Equal(["started", "prompt", "preview", "preview", "preview", "preview", "images", "done"], names);
        Assert.Equal("red, star", (string)events[1].Data["understood"]!);
        Assert.Equal(["two"], events[1].Data["ignored"]!.AsArray().Select(word => (string)word!));
        Assert.Equal([1, 2, 3, 4], events.Where(e => e.Name == "preview").Select(e => (int)e.Data["step"]!));
        Assert.All(events.Where(e => e.Name == "preview"), e => Assert.Equal([24, 24], e.Data["images"]!.AsArray().Select(Width)));
        Assert.Equal([120, 120], events[^2].Data["images"]!.AsArray().Select(Width));
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_images_and_another_seed_others()
    {
        string first = await One(new { prompt = "blue moon", steps = 3, count = 1, seed = 5 });
        Assert.Equal(first, await One(new { prompt = "blue moon", steps = 3, count = 1, seed = 5 }));
        Assert.NotEqual(first, await One(new { prompt = "blue moon", steps = 3, count = 1, seed = 6 }));
    }

    [Fact]
    public async Task A_variation_of_little_strength_stays_near_the_image()
    {
        float[] star = DrawnShapes.DrawOne(3, seed: 1);
        string image = PngImage.Write(star, 24);
        float[] near = await VaryAsync(0.1), far = await VaryAsync(1);
        Assert.True(Distance(near, star) < Distance(far, star) / 2, $"{Distance(near, star)}, {Distance(far, star)}");

        async Task<float[]> VaryAsync(double strength) => PngImage.Read(
            await One(new { image, prompt = "red star", strength, steps = 20, count = 1, size = DrawnShapes.Side }, "vary"));
    }

    [Theory]
    [InlineData("DpmSolver")]
    [InlineData("Ddim")]
    public async Task Inpainting_keeps_what_is_not_marked(string sampler)
    {
        float[] heart = DrawnShapes.DrawOne(4, seed: 1);
        float[] mask = [.. Enumerable.Range(0, 3 * 24 * 24).Select(i => i % 24 < 12 ? 1f : 0f)];
        float[] again = PngImage.Read(await One(new
        {
            image = PngImage.Write(heart, 24),
            mask = PngImage.Write(mask, 240),
            sampler,
            steps = 4,
            count = 1,
            size = DrawnShapes.Side,
        }, "inpaint"));
        for (int i = 0; i < heart.Length; i++)
        {
            if (mask[i] == 0)
                Assert.Equal(heart[i], again[i], 1.01f / 255);
        }

        Assert.True(Distance(heart, again) > 1);
    }

    [Fact]
    public async Task A_walk_is_a_video_of_sixteen_images()
    {
        var events = await _visitor.RunAsync("/api/art/walk", new { prompt = "red circle", toPrompt = "", steps = 2, size = 120 });
        Assert.Equal(16, events.Single(e => e.Name == "images").Data["images"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("{\"steps\": 101}", "Steps are 101; expected 1 to 100.")]
    [InlineData("{\"guidance\": 0.5}", "Guidance is 0.5; expected 1 to 10.")]
    [InlineData("{\"sampler\": \"../x\"}", "There is no such sampler")]
    [InlineData("{\"count\": 10}", "expected 1 to 9")]
    [InlineData("{\"size\": 100000}", "expected one of 24, 120, 240, 480")]
    [InlineData("{\"seed\": -1}", "A seed is a whole number from 0.")]
    [InlineData("{\"strength\": 0}", "expected above 0 to 1")]
    [InlineData("{\"steps\": \"many\"}", "not the JSON that was expected")]
    public async Task What_cannot_be_done_is_said_before_the_visitor_waits(string request, string expected)
    {
        (HttpStatusCode status, string error) = await _visitor.FailAsync("/api/art/generate", JsonNode.Parse(request)!);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vary", null, "There is no image")]
    [InlineData("vary", "https://example.org/a.png", "not a PNG as the URL")]
    [InlineData("vary", "data:image/png;base64,????", "not in base64")]
    [InlineData("vary", "data:image/png;base64,AAAA", "not a PNG")]
    [InlineData("inpaint", "black", "Nothing is marked")]
    public async Task Images_of_the_visitor_are_checked(string path, string? image, string expected)
    {
        string black = PngImage.Write(new float[3 * 24 * 24], 24);
        image = image == "black" ? black : image;
        var events = await _visitor.RunAsync($"/api/art/{path}", new { image, mask = black, steps = 1, count = 1 });
        Assert.Equal("error", events[^1].Name);
        Assert.Contains(expected, (string)events[^1].Data["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_that_means_nothing_lists_the_words_that_do()
    {
        var events = await _visitor.RunAsync("/api/art/generate", new { prompt = "a dragon" });
        Assert.Equal(
            "The model knows the colors red, orange, yellow, green, blue, purple and the shapes circle, square, triangle, star, heart, "
            + "moon: name one of them, or nothing.", (string)events[^1].Data["message"]!);
    }

    public void Dispose() => _visitor.Dispose();

    private async Task<string> One(object request, string path = "generate")
    {
        var events = await _visitor.RunAsync($"/api/art/{path}", request);
        return (string)events.Single(e => e.Name == "images").Data["images"]![0]!;
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => (double)(x - y) * (x - y)).Sum());

    private static int Width(JsonNode? url)
    {
        using SKBitmap image = SKBitmap.Decode(Convert.FromBase64String(((string)url!).Split(',')[1]));
        Assert.Equal(image.Width, image.Height);
        return image.Width;
    }
}
