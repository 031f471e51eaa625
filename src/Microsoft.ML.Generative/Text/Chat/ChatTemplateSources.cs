namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>The library's own templates in Jinja's language.</summary>
internal static class ChatTemplateSources
{
    public const string ChatML = """
        {%- for message in messages -%}
            {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|im_start|>assistant\n' -}}
        {%- endif -%}
        """;

    public const string Llama2 = $$$"""
        {%- set ns = namespace(system='', turns=0) -%}
        {%- for message in messages -%}
            {%- if message.role == 'system' -%}
                {%- set ns.system = '<<SYS>>\n' + message.content + '\n<</SYS>>\n\n' -%}
            {%- else -%}
                {{{TakeTurns}}}
                {%- if message.role == 'user' -%}
                    {{- '<s>[INST] ' + ns.system + message.content + ' [/INST]' -}}
                    {%- set ns.system = '' -%}
                {%- else -%}
                    {{- ' ' + message.content + ' </s>' -}}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        """;

    public const string Llama3 = """
        {{- '<|begin_of_text|>' -}}
        {%- for message in messages -%}
            {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content + '<|eot_id|>' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
        {%- endif -%}
        """;

    public const string Mistral = $$$"""
        {{- '<s>' -}}
        {%- set ns = namespace(system='', turns=0) -%}
        {%- for message in messages -%}
            {%- if message.role == 'system' -%}
                {%- set ns.system = message.content + '\n\n' -%}
            {%- else -%}
                {{{TakeTurns}}}
                {%- if message.role == 'user' -%}
                    {{- '[INST] ' + ns.system + message.content + ' [/INST]' -}}
                    {%- set ns.system = '' -%}
                {%- else -%}
                    {{- ' ' + message.content + '</s>' -}}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        """;

    public const string Zephyr = """
        {%- for message in messages -%}
            {{- '<|' + message.role + '|>\n' + message.content + '</s>\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|assistant|>\n' -}}
        {%- endif -%}
        """;

    // An answer ends where the next message begins, or with the text.
    public const string Plain = """
        {%- for message in messages -%}
            {{- '' if loop.first else '\n' -}}
            {{- message.role | capitalize + ': ' + message.content -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '\nAssistant:' if messages else 'Assistant:' -}}
        {%- elif (messages | last).role == 'assistant' -%}
            {{- eos_token -}}
        {%- endif -%}
        """;

    private const string TakeTurns = """
        {%- if (message.role == 'user') != (ns.turns % 2 == 0) -%}
                    {{- raise_exception('user and assistant have to take turns, the user first.') -}}
                {%- endif -%}
                {%- set ns.turns = ns.turns + 1 -%}
        """;
}
