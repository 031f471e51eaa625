using System.Text.Json;
using CsCheck;
using Microsoft.ML.Generative.Text.Chat.Jinja;

namespace Microsoft.ML.Generative.Tests;

public sealed class JinjaTemplateTests
{
    private static readonly Lazy<JsonElement> _facts = new(() => JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Text", "Chat", "Jinja", "jinja-cases.json"))).RootElement);

    private static string Variables => _facts.Value.GetProperty("variables").GetRawText();

    [Fact]
    public void Templates_write_what_Jinja_writes()
    {
        List<string> wrong = [];
        foreach (JsonElement fact in _facts.Value.GetProperty("cases").EnumerateArray())
        {
            (string template, string expected) = (fact.GetProperty("template").GetString()!, fact.GetProperty("text").GetString()!);
            string actual;
            try
            {
                actual = JinjaJsonValues.Render(template, Variables);
            }
            catch (JinjaException e)
            {
                actual = $"{e.GetType().Name}: {e.Message}";
            }

            if (actual != expected)
                wrong.Add($"{template}\n  expected {expected}\n  actual   {actual}");
        }

        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
    }

    [Fact]
    public void What_Jinja_refuses_is_refused_with_its_line()
    {
        foreach (JsonElement template in _facts.Value.GetProperty("errors").EnumerateArray())
        {
            Exception? error = Record.Exception(() => JinjaJsonValues.Render("\n" + template.GetString()!, Variables));
            Assert.True(error is JinjaException or JinjaRefusal, $"{template}: {error}");
            if (error is JinjaException)
            {
                Assert.True(error.Message.Contains("line 2", StringComparison.Ordinal)
                    || error.Message.Contains("namespace", StringComparison.Ordinal), $"{template}: {error.Message}");
            }
        }
    }

    [Theory]
    [InlineData("{% include 'a' %}", "'include' is not supported")]
    [InlineData("{% do x %}", "'do' is not supported")]
    [InlineData("{{ 'x'|random }}", "'random' is not supported")]
    [InlineData("{{ '{}'.format(1) }}", "'format' of texts is not supported")]
    [InlineData("{% for x in y %}", "'endfor'")]
    [InlineData("{{ l.append(3) }}", "'append' changes a list")]
    [InlineData("{{ d.update(a=1) }}", "'update' changes a dictionary")]
    public void What_is_not_supported_is_named(string template, string words) =>
        Assert.Contains(words, Assert.Throws<JinjaException>(() => JinjaJsonValues.Render(template, """{"l": [1], "d": {}}""")).Message);

    // Each would take forever, fill the memory or overflow the stack.
    public static TheoryData<string> Hostile =>
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",
        "{{ 'x' * 9999999999 }}", "{{ [0] * 9999999999 }}", "{{ 'x'|center(9999999999) }}", "{{ 'x'.ljust(9999999999) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'a\\nb'|indent(9999999999) }}", "{{ {'a': 1}|tojson(indent=9999999999) }}", "{{ 9**9**9**9 }}",
        "{{ 99999999999 * 99999999999 }}",
        "{% set ns = namespace(t='x') %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}",
        "{% set ns = namespace(t='x') %}{% for i in range(99) %}{% set ns.t = ns.t.replace('x', 'xx') %}{% endfor %}",
        "{% set ns = namespace(t=[1]) %}{% for i in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}",
        "{% set ns = namespace(t=[1]) %}{% for i in range(99999) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t }}",
        "{% set ns = namespace(t=[1]) %}{% for i in range(99999) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t|tojson }}",
        "{% set ns = namespace(t=[1]) %}{% for i in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t == [ns.t] or [ns.t] == "
            + "ns.t or ns.t < ns.t }}",
        "{% set ns = namespace(t=[1], u=[1]) %}{% for i in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% set ns.u = [ns.u, ns.u] %}{% endfor "
            + "%}{{ ns.t == ns.u }}",
        "{% set ns = namespace(t=(1,)) %}{% for i in range(99) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ {ns.t: 1} }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}{{ [ns]|tojson }}",
        "{% for i in range(99999) %}{{ 'abc' in text }}{% endfor %}",
        "{{ (range(99999)|list) * 99999 }}", "{{ range(99999)|batch(1, 'x')|list|sum(start=[]) }}",
        "{{ range(1, 9223372036854775807, 1)|list }}",
    ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void No_template_runs_forever_or_fills_the_memory(string template)
    {
        var time = new ProcessorTime();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<JinjaException>(() =>
            JinjaJsonValues.Render(template, JsonSerializer.Serialize(new { text = new string('x', 10_000) })));
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(20), $"{time.Elapsed}");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 10L << 30);
    }

    [Fact]
    public void Nesting_is_bounded_while_a_template_is_read()
    {
        foreach (string template in (string[])[
            "{{ " + new string('(', 100_000) + "1" + new string(')', 100_000) + " }}", "{{ " + new string('[', 100_000),
            "{{ " + new string('-', 100_001) + "1 }}",
            "{{ " + string.Concat(Enumerable.Repeat("not ", 100_000)) + "1 }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 100_000)) + " }}",
            "{{ a" + string.Concat(Enumerable.Repeat(".a", 100_000)) + " }}",
            "{{ a" + string.Concat(Enumerable.Repeat("|trim", 100_000)) + " }}",
            string.Concat(Enumerable.Repeat("{% if 1 %}", 50_000)),
            "{{ a" + string.Concat(Enumerable.Repeat(" if a else a", 80_000)) + " }}", new string(' ', 2_000_000)])
            Assert.Throws<JinjaException>(() => JinjaJsonValues.Render(template));
    }

    [Fact]
    public void A_long_conversation_stays_far_within_the_bounds()
    {
        string messages = JsonSerializer.Serialize(new
        {
            messages = Enumerable.Range(0, 5000).Select(i =>
            new { role = i % 2 == 0 ? "user" : "assistant", content = new string('x', 500) })
        });
        string text = JinjaJsonValues.Render(
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% if m.content is string and m['role'] != 'system' %}{% set ns.n = ns.n "
                + "+ 1 %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>' + '\n' }}{% endif %}{% endfor %}",
            messages);
        Assert.Equal(5000, text.Split("<|im_end|>").Length - 1);
    }

    [Theory]
    [InlineData("{{ l[1:9223372036854775807:9223372036854775807] }}{{ l[::-9223372036854775807] }}", "[2][3]")]
    [InlineData("{{ l[-9223372036854775807:] }}{{ 'abc'[-9223372036854775807:2] }}", "[1, 2, 3]ab")]
    public void Slices_of_any_size_are_parts(string template, string expected) =>
        Assert.Equal(expected, JinjaJsonValues.Render(template, """{"l": [1, 2, 3]}"""));

    // Templates with pieces left out and pieces of others put in.
    [Fact]
    public void Whatever_is_wrong_in_a_template_it_is_told_by_one_error()
    {
        string[] templates = [.. _facts.Value.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("template").GetString()!)];
        Gen<int> number = Gen.Int[0, templates.Length - 1];
        Gen.Select(number, number, Gen.Double[0, 1], Gen.Int[0, 4], Gen.Double[0, 1], Gen.Int[0, 9]).Sample(
            (first, second, place, left, from, taken) =>
            {
                (string template, string other) = (templates[first], templates[second]);
                int at = (int)(place * template.Length), start = (int)(from * other.Length);
                string changed = template[..at] + other[start..Math.Min(start + taken, other.Length)]
                    + template[Math.Min(at + left, template.Length)..];
                try
                {
                    JinjaJsonValues.Render(changed, Variables);
                }
                catch (Exception e) when (e is JinjaException or JinjaRefusal)
                {
                }
            }, iter: 2000);
    }

    // Source 0 is the template, 1 the variables.
    [Theory]
    [InlineData("a{{ x }}b{{ x|trim }}", "0a1 M 0b1M")]
    [InlineData("{{ '<' + x + '>' }}", "0<1 M 0>")]
    [InlineData("{{ '<' ~ x|lower|trim ~ '>' }}", "0<1m0>")]
    [InlineData("{{ x.strip().replace('M', '[M]') }}", "0[M]")]
    [InlineData("{{ ' a-b'.replace('-', x) }}", "0 a1 M 0b")]
    [InlineData("{{ [x, 'y', x]|join(',') }}", "1 M 0,y,1 M ")]
    [InlineData("{{ x.split()[0] }}{{ x[1] }}{{ x[::-1] }}", "1MM M ")]
    [InlineData("{{ {'k': x}|tojson }}", "0{\"k\": \"1 M 0\"}")]
    [InlineData("{{ [x] }}", "0['1 M 0']")]
    [InlineData("{% set t %}({{ x }}){% endset %}{{ t|upper }}", "0(1 M 0)")]
    [InlineData("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(x) }}", "0<1 M 0>")]
    [InlineData("{% filter trim %}{{ x }}{% endfilter %}", "1M")]
    [InlineData("{{ '%s!' % x }}", "1 M 0!")]
    [InlineData("{{ x|e }}{{ x.title() }}{{ x|indent(1, true) }}", "1 M  M 0 1 M ")]
    public void A_text_knows_what_the_template_wrote_of_it(string template, string expected)
    {
        JinjaText text = JinjaJsonValues.Run(template, """{"x": " M "}""").Text;
        Assert.Equal(expected, string.Concat(text.Runs.Select(run => $"{run.Source}{text.Value.Substring(run.Start, run.Length)}")));
    }

    [Fact]
    public void Blocks_of_generation_are_known_by_their_places()
    {
        JinjaRendering rendering = JinjaJsonValues.Run(
            "{% for m in l %}Q{% generation %}{{ m }}!{% endgeneration %}{% endfor %}", """{"l": ["a", "bc"]}""");
        Assert.Equal("Qa!Qbc!", rendering.Text.Value);
        Assert.Equal([(1, 3), (4, 7)], rendering.Generations);
    }
}
